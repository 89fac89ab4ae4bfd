//! INFO taken apart again: sections, names, values.

/// The lines of an INFO text.
#[derive(Default)]
pub struct Info<'a>(Vec<Line<'a>>);

/// One of them.
#[derive(Clone, Copy)]
pub struct Line<'a> {
    /// The title it stands under.
    pub section: &'a str,
    pub name: &'a str,
    pub value: &'a str,
}

impl<'a> Info<'a> {
    pub fn of(text: &'a str) -> Info<'a> {
        let (mut section, mut lines) = ("", Vec::new());
        for line in text.lines() {
            if let Some(title) = line.strip_prefix("# ") {
                section = title;
            } else if let Some((name, value)) = line.split_once(':') {
                lines.push(Line { section, name, value });
            }
        }
        Info(lines)
    }

    pub fn lines(&self) -> impl Iterator<Item = Line<'a>> {
        self.0.iter().copied()
    }

    /// The lines under a title.
    pub fn section(&self, title: &str) -> impl Iterator<Item = Line<'a>> {
        self.lines().filter(move |line| line.section == title)
    }

    /// The value of a field; empty if there is none.
    pub fn get(&self, name: &str) -> &'a str {
        self.lines().find(|line| line.name == name).map_or("", |line| line.value)
    }

    /// The value of a field as a number; 0 if it is none.
    pub fn number(&self, name: &str) -> f64 {
        number(self.get(name)).and_then(|text| text.parse().ok()).unwrap_or(0.0)
    }
}

impl<'a> Line<'a> {
    /// What stands behind `name=` in a value that is a list.
    pub fn part(&self, name: &str) -> Option<&'a str> {
        self.value.split(',').find_map(|part| part.strip_prefix(name)?.strip_prefix('='))
    }
}

/// A value as a number in figures: statuses are 1 and 0, as for redis_exporter.
pub fn number(value: &str) -> Option<&str> {
    match value {
        "ok" => Some("1"),
        "err" => Some("0"),
        number => number.parse::<f64>().is_ok_and(f64::is_finite).then_some(number),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_know_their_section_and_lists_their_parts() {
        let text = "# Server\r\nos:Linux\r\n\r\n# Keyspace\r\ndb0:keys=7,expires=2\r\n";
        let info = Info::of(text);
        assert_eq!((info.get("os"), info.number("os"), info.get("none")), ("Linux", 0.0, ""));
        let db = info.section("Keyspace").next().unwrap();
        assert_eq!((db.name, db.part("expires"), db.part("key")), ("db0", Some("2"), None));
    }

    #[test]
    fn a_status_is_a_number() {
        assert_eq!(
            [number("ok"), number("err"), number("1.5")],
            [Some("1"), Some("0"), Some("1.5")]
        );
        assert!(number("inf").is_none() && number("master").is_none());
    }
}
