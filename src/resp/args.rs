//! The arguments of one call: slices of the bytes they arrived in, with typed getters that answer
//! in Redis's words.
//!
//! Invariant: owns nothing; a command that has to outlive its bytes keeps an `OwnedArgs`.

use super::Span;
use super::errors::{self, Reject};
use crate::base::num;

/// Arguments of a call, the command's name first.
#[derive(Clone, Copy)]
pub struct Args<'a> {
    chunk: &'a [u8],
    spans: &'a [Span],
}

impl<'a> Args<'a> {
    /// `spans` lie within `chunk`.
    pub fn new(chunk: &'a [u8], spans: &'a [Span]) -> Args<'a> {
        Args { chunk, spans }
    }

    pub fn len(&self) -> usize {
        self.spans.len()
    }

    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// Argument `index`; the caller knows from the arity that it exists.
    pub fn at(&self, index: usize) -> &'a [u8] {
        let Span { start, len } = self.spans[index];
        &self.chunk[start as usize..][..len as usize]
    }

    pub fn get(&self, index: usize) -> Option<&'a [u8]> {
        (index < self.spans.len()).then(|| self.at(index))
    }

    /// All arguments from `first` on.
    pub fn from(&self, first: usize) -> impl ExactSizeIterator<Item = &'a [u8]> + Clone + use<'a> {
        let args = *self;
        (first.min(self.len())..self.len()).map(move |index| args.at(index))
    }

    /// The arguments from `first` on as a call of its own.
    pub fn after(&self, first: usize) -> Args<'a> {
        Args { chunk: self.chunk, spans: &self.spans[first.min(self.spans.len())..] }
    }

    /// Whether argument `index` is the keyword `word` in any case.
    pub fn is(&self, index: usize, word: &str) -> bool {
        self.at(index).eq_ignore_ascii_case(word.as_bytes())
    }

    /// Argument `index` as a signed 64-bit integer, or Redis's "not an integer".
    pub fn int(&self, index: usize) -> Result<i64, Reject> {
        num::parse_i64(self.at(index)).ok_or(errors::NOT_AN_INTEGER.into())
    }

    /// As `int`, with a text of its own for what does not parse.
    pub fn int_or(&self, index: usize, text: &'static str) -> Result<i64, Reject> {
        num::parse_i64(self.at(index)).ok_or(text.into())
    }

    /// Argument `index` as an integer from `min` to `max`.
    pub fn int_between(&self, index: usize, min: i64, max: i64) -> Result<i64, Reject> {
        let value = self.int(index)?;
        if (min..=max).contains(&value) {
            Ok(value)
        } else {
            Err(errors::out_of_range_between(min, max))
        }
    }

    /// Total length of all arguments, in bytes.
    pub fn bytes(&self) -> usize {
        self.spans.iter().map(|span| span.len as usize).sum()
    }

    /// Length of the request as any server would write it, in bytes.
    pub fn request_bytes(&self) -> usize {
        let arg = |span: &Span| header_len(span.len as usize) + span.len as usize + 2;
        header_len(self.spans.len()) + self.spans.iter().map(arg).sum::<usize>()
    }

    /// Whether the request can be as long as `bytes`: a look at its two ends.
    #[inline]
    pub fn may_have(&self, bytes: u64) -> bool {
        /// A header of the largest argument, and the end of it.
        const AROUND_MAX: usize = 15;
        let (Some(first), Some(last)) = (self.spans.first(), self.spans.last()) else {
            return false;
        };
        let extent = (last.start + last.len - first.start) as usize;
        (extent + AROUND_MAX * (self.spans.len() + 1)) as u64 >= bytes
    }

    /// The whole request in the bytes that it came in, if those are what any server would write for
    /// these arguments: no line typed by hand, no copy, no odd number.
    pub fn as_sent(&self) -> Option<&'a [u8]> {
        // Arguments that begin where the shortest headers put them have these headers.
        let mut at = header_len(self.spans.len());
        for span in self.spans {
            at += header_len(span.len as usize);
            if at != span.start as usize {
                return None;
            }
            at += span.len as usize + 2;
        }
        self.chunk.get(..at)
    }

    /// A copy that outlives the bytes it came in.
    pub fn to_owned(&self) -> OwnedArgs {
        OwnedArgs::of(self.from(0), self.bytes())
    }
}

/// Bytes of a line that says `number`, such as `*3` and its end.
fn header_len(number: usize) -> usize {
    let digits = if number < 10 { 1 } else { number.ilog10() as usize + 1 };
    digits + 3
}

/// Arguments kept by a transaction's queue.
#[derive(Debug)]
pub struct OwnedArgs {
    bytes: Box<[u8]>,
    spans: Box<[Span]>,
}

impl OwnedArgs {
    /// Copies of `args`, which have about so many bytes in all.
    pub fn of<'t>(args: impl Iterator<Item = &'t [u8]>, bytes: usize) -> OwnedArgs {
        let mut bytes = Vec::with_capacity(bytes);
        let spans = args.map(|arg| {
            let start = bytes.len() as u32;
            bytes.extend_from_slice(arg);
            Span { start, len: arg.len() as u32 }
        });
        let spans = spans.collect();
        OwnedArgs { bytes: bytes.into_boxed_slice(), spans }
    }

    pub fn args(&self) -> Args<'_> {
        Args::new(&self.bytes, &self.spans)
    }

    /// Heap bytes held.
    pub fn memory(&self) -> usize {
        self.bytes.len() + size_of_val(&*self.spans)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owned_copy_holds_the_same_arguments() {
        let chunk = b"xxSETxkeyx5";
        let spans = [(2, 3), (6, 3), (10, 1)].map(|(start, len)| Span { start, len });
        let owned = Args::new(chunk, &spans).to_owned();
        let args = owned.args();
        assert!(args.is(0, "set") && args.at(1) == b"key");
        assert_eq!(args.int(2).ok(), Some(5));
        assert_eq!(args.get(3), None);
    }

    #[test]
    fn a_request_s_length_is_known_from_its_arguments() {
        let sent = b"*2\r\n$3\r\nGET\r\n$12\r\nxxxxxxxxxxxx\r\n";
        let spans = [(8, 3), (18, 12)].map(|(start, len)| Span { start, len });
        for args in [Args::new(sent, &spans), Args::new(sent, &spans).to_owned().args()] {
            assert_eq!(args.request_bytes(), sent.len());
            assert!(args.may_have(sent.len() as u64) && !args.may_have(1000));
        }
    }

    #[test]
    fn only_a_plain_request_is_known_as_it_was_sent() {
        let text = "x".repeat(12);
        let sent = format!("*2\r\n$3\r\nGET\r\n$12\r\n{text}\r\n");
        let spans = [(8, 3), (18, 12)].map(|(start, len)| Span { start, len });
        let more = [sent.as_bytes(), b"*1"].concat();
        let args = Args::new(&more, &spans);
        assert_eq!(args.as_sent(), Some(sent.as_bytes()));
        assert_eq!(args.after(1).as_sent(), None);
        assert_eq!(args.to_owned().args().as_sent(), None);
        let odd = format!("*2\r\n$3\r\nGET\r\n$012\r\n{text}\r\n");
        let spans = [(8, 3), (19, 12)].map(|(start, len)| Span { start, len });
        assert_eq!(Args::new(odd.as_bytes(), &spans).as_sent(), None);
    }
}
