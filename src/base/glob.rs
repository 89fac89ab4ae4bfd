//! Glob patterns of KEYS, SCAN MATCH and CONFIG GET: `*`, `?`, `[a-z]`, `[^x]` and `\`.
//!
//! The answers are those of Redis's `stringmatchlen`, quirks included: no pattern but the empty one
//! matches an empty text, an unterminated class ends with the pattern, and a `-` in a class makes a
//! range even when `]` follows it. Unlike there, nothing recurses: after a mismatch it is enough to
//! return to the last `*` seen, so one saved position replaces the call stack.
//!
//! Invariant: bytes only; knows neither keys nor replies, never allocates, and its time is linear in
//! the lengths whatever the pattern.

/// Steps any match may take, whatever the lengths.
const STEPS_MIN: usize = 1 << 16;
/// Further steps per byte of pattern and text, which bounds the backtracking of hostile patterns.
const STEPS_PER_BYTE: usize = 64;

/// Stars before the end of a pattern beyond which Redis gives up: a limit of its recursion.
const STARS_MAX: usize = 1000;

/// Whether `text` as a whole matches `pattern`. With `nocase`, ASCII letters match either case.
///
/// A pattern so ambiguous that it exceeds the step budget counts as not matching.
pub fn glob_match(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
    if text.is_empty() {
        return pattern.is_empty();
    }
    let mut steps = STEPS_MIN + STEPS_PER_BYTE * (pattern.len() + text.len());
    let (mut p, mut t, mut stars) = (0, 0, 0);
    // Where a mismatch resumes: the pattern after the last star, the text that star tried last.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        if pattern.get(p) == Some(&b'*') {
            p = skip_stars(pattern, p);
            if p == pattern.len() {
                return true;
            }
            star = Some((p, t));
            stars += 1;
            if stars > STARS_MAX {
                return false;
            }
        }
        match match_one(pattern, p, text[t], nocase) {
            Some(next) => (p, t) = (next, t + 1),
            None => {
                let Some((after_star, tried)) = star else { return false };
                (p, t) = (after_star, tried + 1);
                star = Some((p, t));
            }
        }
        let Some(left) = steps.checked_sub(1) else { return false };
        steps = left;
    }
    // The text is used up. A later start of the last star leaves even less of it, so no retry.
    skip_stars(pattern, p) == pattern.len()
}

fn skip_stars(pattern: &[u8], from: usize) -> usize {
    from + pattern[from..].iter().take_while(|&&byte| byte == b'*').count()
}

/// Matches one byte of text against the element at `p`; returns where the next element starts.
fn match_one(pattern: &[u8], p: usize, byte: u8, nocase: bool) -> Option<usize> {
    match *pattern.get(p)? {
        b'?' => Some(p + 1),
        b'[' => {
            let negated = pattern.get(p + 1) == Some(&b'^');
            let (found, end) = match_class(pattern, p + 1 + usize::from(negated), byte, nocase);
            (found != negated).then_some(end)
        }
        // A backslash makes the next byte literal; as the last byte it stands for itself.
        b'\\' if p + 1 < pattern.len() => same(pattern[p + 1], byte, nocase).then_some(p + 2),
        literal => same(literal, byte, nocase).then_some(p + 1),
    }
}

/// Reads a class from behind its `[` or `[^`: whether `byte` is in it, and where it ends.
fn match_class(pattern: &[u8], start: usize, byte: u8, nocase: bool) -> (bool, usize) {
    let (mut p, mut found) = (start, false);
    loop {
        match pattern[p..] {
            [] => return (found, p),
            [b'\\', literal, ..] => {
                found |= literal == byte; // letter case counts here even with `nocase`
                p += 2;
            }
            [b']', ..] => return (found, p + 1),
            [low, b'-', high, ..] => {
                found |= in_range(low, high, byte, nocase);
                p += 3;
            }
            [literal, ..] => {
                found |= same(literal, byte, nocase);
                p += 1;
            }
        }
    }
}

/// Bounds may be swapped. As in the C original on x86-64, bytes from 0x80 up are negative there, but
/// positive once `tolower` has seen them.
fn in_range(low: u8, high: u8, byte: u8, nocase: bool) -> bool {
    let signed = |byte: u8| i16::from(byte.cast_signed());
    let folded = |byte: u8| if nocase { byte.to_ascii_lowercase().into() } else { signed(byte) };
    let (low, high) = if signed(low) > signed(high) { (high, low) } else { (low, high) };
    (folded(low)..=folded(high)).contains(&folded(byte))
}

fn same(a: u8, b: u8, nocase: bool) -> bool {
    a == b || nocase && a.eq_ignore_ascii_case(&b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_stars_than_redis_follows_match_nothing() {
        let text = [b'a'; 5000];
        assert!(glob_match(&b"*?".repeat(1000), &text, false));
        assert!(!glob_match(&b"*?".repeat(1001), &text, false));
    }

    #[test]
    fn answers_like_the_reference() {
        let cases: &[(&str, &str, bool)] = &[
            ("", "", true),
            ("*", "", false),
            ("", "a", false),
            ("*", "a", true),
            ("a*", "a", true),
            ("a**", "a", true),
            ("a*c", "abbbc", true),
            ("a*c", "abbbcd", false),
            ("*a*b*", "xxaxxbxx", true),
            ("*ab", "aab", true),
            ("h?llo", "hello", true),
            ("h?llo", "hllo", false),
            ("[ae]", "e", true),
            ("[^ae]", "e", false),
            ("[^ae]", "b", true),
            ("[a-c]x", "bx", true),
            ("[c-a]x", "bx", true),
            ("[a-c", "b", true),
            ("[a-", "-", true),
            ("[a-]", "-", false),
            ("[a-]", "_", true), // a range up to the bracket, which then does not close the class
            ("[\\]]", "]", true),
            ("[]]", "]", false),
            ("[", "[", false),
            ("[^", "x", true),
            ("\\*", "*", true),
            ("\\*", "a", false),
            ("\\", "\\", true),
            ("a\\", "a\\", true),
            ("*\\?*", "what?!", true),
        ];
        for (pattern, text, expected) in cases {
            let found = glob_match(pattern.as_bytes(), text.as_bytes(), false);
            assert_eq!(found, *expected, "{pattern:?} against {text:?}");
        }
    }

    #[test]
    fn letter_case() {
        assert!(glob_match(b"MAX*", b"maxmemory", true));
        assert!(!glob_match(b"MAX*", b"maxmemory", false));
        assert!(glob_match(b"[A-C]", b"b", true));
        assert!(!glob_match(b"[\\B]", b"b", true));
    }

    /// The specification: tries every length for every star.
    fn model(pattern: &[u8], text: &[u8], nocase: bool) -> bool {
        match (pattern, text) {
            ([], []) => true,
            ([b'*', rest @ ..], _) => {
                (0..=text.len()).any(|skipped| model(rest, &text[skipped..], nocase))
            }
            (_, [first, rest @ ..]) => match_one(pattern, 0, *first, nocase)
                .is_some_and(|next| model(&pattern[next..], rest, nocase)),
            _ => false,
        }
    }

    #[test]
    fn agrees_with_the_model() {
        let seed = fastrand::u64(..);
        println!("seed {seed}");
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut pick = |alphabet: &[u8], len_max: usize| -> Vec<u8> {
            (0..rng.usize(..len_max)).map(|_| alphabet[rng.usize(..alphabet.len())]).collect()
        };
        for _ in 0..50_000 {
            let (pattern, text) = (pick(b"ab*?[]^-\\\xff", 9), pick(b"abAB]-\xff", 9));
            let nocase = pattern.len() % 2 == 0;
            let expected =
                if text.is_empty() { pattern.is_empty() } else { model(&pattern, &text, nocase) };
            assert_eq!(glob_match(&pattern, &text, nocase), expected, "{pattern:?} {text:?}");
        }
    }

    #[test]
    fn hostile_patterns_end_soon() {
        let text = vec![b'a'; 50_000];
        let stars = [&b"a*".repeat(20_000)[..], b"b"].concat();
        assert!(!glob_match(&stars, &text, false));
        let quadratic = [&b"*"[..], &b"a".repeat(20_000), b"b"].concat();
        assert!(!glob_match(&quadratic, &text, false));
    }
}
