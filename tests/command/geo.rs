//! Places over a connection: replies of both protocols, what is stored, and what is refused.

use crate::support::*;

const SICILY: &str = "GEOADD sicily 13.361389 38.115556 Palermo 15.087269 37.502669 Catania \
                      12.758489 38.788135 edge1 17.241510 38.788135 edge2";

/// As `check`, with places in Sicily, on a set packed and on one that is a tree.
fn check_sicily(lines: &[(&str, Value)]) {
    each_backend(|server| {
        let mut client = server.client();
        for entries in [128, 0] {
            client.check(&format!("CONFIG SET zset-max-listpack-entries {entries}"), ok());
            client.check(SICILY, int(4));
            check_on(&mut client, lines);
            client.check("FLUSHALL", ok());
        }
    });
}

#[test]
fn geoadd_adds_and_moves() {
    check(&[
        ("GEOADD g 13.361389 38.115556 a 15.087269 37.502669 b", int(2)),
        ("ZRANGE g 0 -1 WITHSCORES", bulks(["a", "3479099956230698", "b", "3479447370796909"])),
        ("GEOADD g 13.361389 38.115556 a 1 1 b 2 2 c", int(1)),
        ("GEOADD g CH 13.361389 38.115556 a 2 2 b 3 3 d", int(2)),
        ("GEOADD g NX ch 9 9 a 9 9 e", int(1)),
        ("GEOADD g xx CH 8 8 e 8 8 f", int(1)),
        ("ZCARD g", int(5)),
        ("GEOADD no XX 1 1 a", int(0)),
        ("EXISTS no", int(0)),
        ("GEOADD edges -180 -85.05112878 a 180 85.05112878 b", int(2)),
        ("TYPE g", simple("zset")),
    ]);
}

#[test]
fn geoadd_refuses_what_is_not_on_the_map() {
    check(&[
        ("GEOADD g 1 1", err("wrong number of arguments for 'geoadd' command")),
        ("GEOADD g 1 1 a 2", err("syntax error")),
        ("GEOADD g NX XX CH", err("syntax error")),
        ("GEOADD g NX CH nx", err("syntax error")),
        ("GEOADD g NX XX 1 1 a", err("syntax error")),
        ("GEOADD g GT 1 1 a", err("syntax error")),
        ("GEOADD g 1 1 a x 1 b", err("value is not a valid float")),
        ("GEOADD g 1 nan a", err("value is not a valid float")),
        ("GEOADD g 1 1 a 181 0 b", err("invalid longitude,latitude pair 181.000000,0.000000")),
        ("GEOADD g 1 -85.06 a", err("invalid longitude,latitude pair 1.000000,-85.060000")),
        ("GEOADD g inf -inf a", err("invalid longitude,latitude pair inf,-inf")),
        ("EXISTS g", int(0)),
    ]);
}

#[test]
fn geodist_in_every_unit() {
    check_sicily(&[
        ("GEODIST sicily Palermo Catania", bulk("166274.1516")),
        ("GEODIST sicily Palermo Catania KM", bulk("166.2742")),
        ("GEODIST sicily Palermo Catania mi", bulk("103.3182")),
        ("GEODIST sicily Palermo Catania Ft", bulk("545518.8700")),
        ("GEODIST sicily Palermo Palermo", bulk("0.0000")),
        ("GEODIST sicily Palermo no", nil()),
        ("GEODIST no a b", nil()),
        ("GEODIST no a b inch", err("unsupported unit provided. please use M, KM, FT, MI")),
        ("GEODIST no a b m x", err("syntax error")),
    ]);
}

#[test]
fn geohash_and_geopos_answer_for_each_member() {
    check_sicily(&[
        (
            "GEOHASH sicily Palermo no Catania",
            array([bulk("sqc8b49rny0"), nil(), bulk("sqdtr74hyu0")]),
        ),
        ("GEOHASH sicily", array([])),
        ("GEOHASH no a", array([nil()])),
        (
            "GEOPOS sicily Palermo no",
            array([bulks(["13.36138933897018433", "38.11555639549629859"]), Value::NilArray]),
        ),
        ("GEOPOS no", array([])),
        ("GEOPOS no a", array([Value::NilArray])),
        ("ZADD sicily 0 corner", int(1)),
        (
            "GEOPOS sicily corner",
            array([bulks(["-179.99999731779098511", "-85.05112751263942528"])]),
        ),
    ]);
}

#[test]
fn coordinates_are_doubles_and_distances_strings_in_resp3() {
    each_backend(|server| {
        let mut client = server.client3();
        client.check("GEOADD g 13.361389 38.115556 a", int(1));
        let double = |text: &str| Value::Double(text.into());
        let place = array([double("13.36138933897018433"), double("38.11555639549629859")]);
        client.check("GEOPOS g a no", array([place.clone(), null()]));
        client.check("GEODIST g a a", bulk("0.0000"));
        client.check("GEODIST g a no", null());
        client.check("GEOHASH g no", array([null()]));
        let found = array([bulk("a"), bulk("0.0000"), int(3479099956230698), place]);
        client.check(
            "GEOSEARCH g FROMMEMBER a BYRADIUS 1 m WITHCOORD WITHDIST WITHHASH",
            array([found]),
        );
    });
}

#[test]
fn circles_and_boxes_around_places_and_members() {
    check_sicily(&[
        ("GEORADIUS sicily 15 37 200 km ASC", bulks(["Catania", "Palermo"])),
        ("GEORADIUS_RO sicily 15 37 200 km DESC", bulks(["Palermo", "Catania"])),
        ("GEORADIUSBYMEMBER sicily Palermo 100 km ASC", bulks(["Palermo", "edge1"])),
        ("GEORADIUSBYMEMBER_RO sicily Palermo 10 km", bulks(["Palermo"])),
        (
            "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC",
            bulks(["Catania", "Palermo", "edge2", "edge1"]),
        ),
        ("GEOSEARCH sicily BYRADIUS 200 km DESC FROMMEMBER Catania", bulks(["Palermo", "Catania"])),
        ("GEOSEARCH sicily FROMLONLAT 0 0 BYRADIUS 0 m", array([])),
        ("GEOSEARCH no FROMMEMBER a BYRADIUS 1 m", array([])),
        ("GEORADIUSBYMEMBER no a x inch", array([])),
    ]);
}

#[test]
fn a_reply_shows_what_was_asked_for() {
    let place = bulks(["15.08726745843887329", "37.50266842333162032"]);
    check_sicily(&[
        (
            "GEORADIUS sicily 15 37 100 km WITHCOORD WITHHASH WITHDIST",
            array([array([bulk("Catania"), bulk("56.4413"), int(3479447370796909), place])]),
        ),
        (
            "GEOSEARCH sicily FROMMEMBER Catania BYBOX 10 10 mi WITHDIST",
            array([bulks(["Catania", "0.0000"])]),
        ),
    ]);
}

#[test]
fn count_takes_the_nearest_or_any() {
    check_sicily(&[
        (
            "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km COUNT 2",
            bulks(["Catania", "Palermo"]),
        ),
        ("GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1 DESC", bulks(["edge1"])),
        (
            "GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km ASC COUNT 9",
            bulks(["Catania", "Palermo", "edge2", "edge1"]),
        ),
        ("GEOSEARCH sicily FROMLONLAT 15 37 BYBOX 400 400 km COUNT 1 ANY", bulks(["Palermo"])),
        ("GEORADIUS sicily 15 37 400 km ANY COUNT 3 ASC", bulks(["Catania", "Palermo", "edge1"])),
    ]);
}

/// More than are ordered as a whole.
#[test]
fn the_nearest_of_many_come_in_order() {
    each_backend(|server| {
        let mut client = server.client();
        for number in 0..500 {
            let longitude = f64::from(number * 37 % 500) / 100.0;
            client.check(&format!("GEOADD g {longitude} 1 m{number}"), int(1));
        }
        let near = client.run("GEORADIUS g 0 1 1000 km COUNT 20 WITHDIST");
        let distances: Vec<f64> =
            near.items().iter().map(|hit| hit.items()[1].text().parse().unwrap()).collect();
        assert_eq!(distances.len(), 20);
        assert!(distances.is_sorted() && distances[19] < 22.0, "{distances:?}");
        let far = client.run("GEORADIUS g 0 1 1000 km COUNT 20 DESC");
        assert_eq!(far.items()[..2], [bulk("m27"), bulk("m54")]);
    });
}

#[test]
fn results_are_stored() {
    check_sicily(&[
        ("GEOSEARCHSTORE k sicily FROMLONLAT 15 37 BYRADIUS 200 km", int(2)),
        (
            "ZRANGE k 0 -1 WITHSCORES",
            bulks(["Palermo", "3479099956230698", "Catania", "3479447370796909"]),
        ),
        ("GEOSEARCHSTORE k sicily FROMMEMBER Palermo BYRADIUS 0 m STOREDIST", int(1)),
        ("ZRANGE k 0 -1 WITHSCORES", bulks(["Palermo", "0"])),
        ("GEORADIUS sicily 15 37 200 km STORE k COUNT 1", int(1)),
        ("ZRANGE k 0 -1", bulks(["Catania"])),
        ("GEORADIUSBYMEMBER sicily Palermo 1 km STORE other STOREDIST k", int(1)),
        ("ZRANGE k 0 -1 WITHSCORES", bulks(["Palermo", "0"])),
        ("EXISTS other", int(0)),
        ("GEORADIUS sicily 0 0 1 m STORE k", int(0)),
        ("EXISTS k", int(0)),
        ("SET k text", ok()),
        ("GEORADIUSBYMEMBER no a 1 km STOREDIST k", int(0)),
        ("EXISTS k", int(0)),
        ("GEOSEARCHSTORE sicily sicily FROMMEMBER edge2 BYRADIUS 1 m", int(1)),
        ("ZRANGE sicily 0 -1", bulks(["edge2"])),
    ]);
}

#[test]
fn searches_refuse_what_does_not_go_together() {
    check_sicily(&[
        (
            "GEOSEARCH sicily BYRADIUS 1 km ASC DESC WITHDIST",
            err("exactly one of FROMMEMBER or FROMLONLAT can be specified for GEOSEARCH"),
        ),
        (
            "geosearchstore k sicily BYRADIUS 1 km ASC DESC",
            err("exactly one of FROMMEMBER or FROMLONLAT can be specified for geosearchstore"),
        ),
        (
            "GEOSEARCH sicily FROMLONLAT 1 1 ASC DESC",
            err("exactly one of BYRADIUS and BYBOX can be specified for GEOSEARCH"),
        ),
        ("GEOSEARCH sicily FROMMEMBER Palermo FROMLONLAT 1 1 BYRADIUS 1 m", err("syntax error")),
        ("GEOSEARCH sicily FROMMEMBER Palermo BYBOX 1 1 m BYRADIUS 1 m", err("syntax error")),
        ("GEOSEARCH sicily FROMMEMBER Palermo BYBOX 1 1 m STOREDIST", err("syntax error")),
        ("GEOSEARCH sicily FROMMEMBER Palermo BYBOX 1 1", err("syntax error")),
        (
            "GEOSEARCH sicily FROMMEMBER no BYRADIUS 1 m",
            err("could not decode requested zset member"),
        ),
        ("GEORADIUSBYMEMBER sicily no 1 m", err("could not decode requested zset member")),
        (
            "GEOSEARCH sicily FROMLONLAT 1 91 BYRADIUS 1 m",
            err("invalid longitude,latitude pair 1.000000,91.000000"),
        ),
        ("GEORADIUS sicily 1 1 x km", err("need numeric radius")),
        ("GEORADIUS sicily 1 1 -1 km", err("radius cannot be negative")),
        ("GEORADIUS sicily 1 1 1 inch", err("unsupported unit provided. please use M, KM, FT, MI")),
        ("GEOSEARCH sicily FROMLONLAT 1 1 BYBOX x 1 km", err("need numeric width")),
        ("GEOSEARCH sicily FROMLONLAT 1 1 BYBOX 1 x km", err("need numeric height")),
        (
            "GEOSEARCH sicily FROMLONLAT 1 1 BYBOX 1 -1 km",
            err("height or width cannot be negative"),
        ),
        ("GEORADIUS sicily 1 1 1 km COUNT 0", err("ERR COUNT must be > 0")),
        ("GEORADIUS sicily 1 1 1 km COUNT x", err("value is not an integer or out of range")),
        ("GEORADIUS sicily 1 1 1 km COUNT", err("syntax error")),
        ("GEORADIUS sicily 1 1 1 km ANY", err("the ANY argument requires COUNT argument")),
        ("GEORADIUS sicily 1 1 1 km STORE", err("syntax error")),
        ("GEORADIUS_RO sicily 1 1 1 km STORE k", err("syntax error")),
        ("GEORADIUSBYMEMBER_RO sicily Palermo 1 km STOREDIST k", err("syntax error")),
        (
            "GEORADIUS sicily 1 1 1 km STORE k WITHDIST",
            err(
                "ERR STORE option in GEORADIUS is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
        ),
        (
            "GEOSEARCHSTORE k sicily FROMLONLAT 1 1 BYRADIUS 1 m WITHHASH",
            err(
                "ERR GEOSEARCHSTORE is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
            ),
        ),
        ("GEORADIUSBYMEMBER no a x inch COUNT", err("syntax error")),
        ("DBSIZE", int(1)),
    ]);
}

#[test]
fn polygons_have_their_own_center() {
    const TRIANGLE: &str = "BYPOLYGON 3 12 36 16 36 14 40";
    let line = |rest: &str| format!("GEOSEARCH sicily {TRIANGLE} {rest}");
    each_backend(|server| {
        if server.is_stand_in() {
            return;
        }
        let mut client = server.client();
        client.check(SICILY, int(4));
        client.check(&line("ASC"), bulks(["Catania", "Palermo"]));
        client.check(&line("COUNT 1 DESC"), bulks(["Palermo"]));
        let shown = client.run(&line("ASC WITHDIST"));
        let distance: f64 = shown.items()[0].items()[1].text().parse().unwrap();
        assert!((70_000.0..110_000.0).contains(&distance), "meters: {distance}");
        client.check(&format!("GEOSEARCHSTORE k sicily STOREDIST {TRIANGLE}"), int(2));
        client.check("GEOSEARCH no BYPOLYGON 3 12 36 16 36 14 40", array([]));
        for (line, text) in [
            ("BYPOLYGON 2 1 1 2 2", "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"),
            ("BYPOLYGON 3 1 1 2 2 3", "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"),
            ("BYPOLYGON -1 1 1 2 2", "ERR GEOSEARCH BYPOLYGON must have at least 3 vertices"),
            ("BYPOLYGON x 1 1 2 2 3 3", "invalid number of vertices"),
            ("BYPOLYGON 9999999999 1 1 2 2 3 3", "invalid number of vertices"),
            ("BYPOLYGON 3 1 1 2 2 3 91", "invalid longitude,latitude pair 3.000000,91.000000"),
            ("FROMMEMBER Palermo BYPOLYGON 3 1 1 2 2 3 3", "syntax error"),
            ("BYPOLYGON 3 1 1 2 2 3 3 FROMLONLAT 1 1", "syntax error"),
            ("BYPOLYGON 3 1 1 2 2 3 3 BYRADIUS 1 m", "syntax error"),
        ] {
            client.check(&format!("GEOSEARCH sicily {line}"), err(text));
        }
        let many = format!("GEOSEARCH sicily BYPOLYGON 10001{}", " 1 1".repeat(10_001));
        client.check(&many, err("ERR GEOSEARCH BYPOLYGON must have at most 10000 vertices"));
    });
}

/// Scores that no GEOADD made are places, too.
#[test]
fn any_sorted_set_can_be_searched() {
    check(&[
        ("ZADD z inf a -inf b 1e300 c -1 d", int(4)),
        ("GEOSEARCH z FROMLONLAT 0 0 BYRADIUS inf km", array([])),
        ("GEORADIUSBYMEMBER z a 30000 km WITHHASH STORE", err("syntax error")),
        ("GEODIST z a a", bulk("0.0000")),
        ("ZADD z 7 e", int(1)),
        ("GEORADIUS z 0 0 inf m WITHHASH", array([array([bulk("e"), int(7)])])),
    ]);
}
