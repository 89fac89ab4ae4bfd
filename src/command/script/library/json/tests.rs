//! JSON as scripts see it.

use super::*;

fn check(cases: &[(&str, &str)]) {
    let lua = Lua::new();
    lua.globals().set("cjson", library(&lua, &Rc::default()).unwrap()).unwrap();
    for (code, expected) in cases {
        let body = format!("local ok, text = pcall(function() {code} end) return tostring(text)");
        let found: String = lua.load(body).eval().unwrap();
        assert!(found.contains(expected), "{code}: {found}");
    }
}

#[test]
fn values_are_written() {
    check(&[
        ("return cjson.encode({1, 2, {a = 'b'}})", r#"[1,2,{"a":"b"}]"#),
        ("return cjson.encode({})", "{}"),
        ("return cjson.encode({[1] = 1, [3] = 3})", "[1,null,3]"),
        ("return cjson.encode({[1] = 1, [30] = 3})", "excessively sparse array"),
        ("return cjson.encode('\"\\\\/\\n\\1\\127')", r#""\"\\\/\n\u0001\u007f""#),
        ("return cjson.encode({0.1, 1e20, 1/3, -5})", "[0.1,1e+20,0.33333333333333,-5]"),
        ("return cjson.encode(0/0)", "must not be NaN or Inf"),
        ("return cjson.encode(cjson.null)", "null"),
        ("return cjson.encode(print)", "Cannot serialise function: type not supported"),
        ("local t = {} t[1] = t return cjson.encode(t)", "excessive nesting (1001)"),
        ("return cjson.encode({[true] = 1})", "table key must be a number or string"),
    ]);
}

#[test]
fn texts_are_read() {
    check(&[
        ("return cjson.decode('[1, 2.5, -3e2]')[3]", "-300"),
        ("return cjson.decode('{\"a\": {\"b\": [true, null]}}').a.b[1]", "true"),
        ("return cjson.decode('[null]')[1] == cjson.null", "true"),
        (r#"return cjson.decode('"\\u00e4\\ud83d\\ude00\\n"')"#, "ä😀\n"),
        ("return cjson.decode('0x10')", "16"),
        ("return cjson.decode('[1,]')", "Expected value but found T_ARR_END at character 4"),
        (
            "return cjson.decode('{1}')",
            "Expected object key string but found T_NUMBER at character 2",
        ),
        ("return cjson.decode('nope')", "Expected value but found invalid token at character 1"),
        ("return cjson.decode('[1')", "Expected comma or array end but found T_END at character 3"),
        ("return cjson.decode('1 2')", "Expected the end but found T_NUMBER at character 3"),
        ("return cjson.decode(('['):rep(2000))", "too many nested data structures (1001)"),
        ("return cjson.decode('')", "Expected value but found T_END at character 1"),
        (r#"return cjson.decode('"x')"#, "unexpected end of string at character 3"),
    ]);
}
