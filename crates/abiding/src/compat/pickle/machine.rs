//! The instructions of the machine, protocols 0 to 5.

use super::{Failed, Id, MAX_NODES, Machine, Name, Node, fail, names};
use crate::compat::{Int, Text, Value};

impl<'a> Machine<'a> {
    /// Runs to `STOP`; the number of the object on top.
    pub(super) fn run(&mut self) -> Result<Id, Failed> {
        loop {
            let opcode = self.byte()?;
            if opcode == b'.' {
                return self.pop();
            }
            self.step(opcode)?;
        }
    }

    fn step(&mut self, opcode: u8) -> Result<(), Failed> {
        match opcode {
            // Frames and protocols
            0x80 => match self.byte()? {
                0..=5 => Ok(()),
                other => Err(fail(format!("protocol {other} is unknown"))),
            },
            0x95 => {
                let length = self.length(8)?;
                match self.bytes.len() - self.at {
                    rest if rest < length => Err(fail("a frame runs past the end")),
                    _ => Ok(()),
                }
            }
            // The stack and the memo
            b'(' => {
                self.marks.push(self.stack.len());
                Ok(())
            }
            b'0' if self.marks.last() == Some(&self.stack.len()) => {
                self.marks.pop();
                Ok(())
            }
            b'0' => self.pop().map(drop),
            b'1' => self.pop_mark().map(drop),
            b'2' => {
                let top = self.top()?;
                self.stack.push(top);
                Ok(())
            }
            b'p' => {
                let slot = self.decimal_line()?;
                self.put(slot)
            }
            b'q' => {
                let slot = self.length(1)?;
                self.put(slot as u64)
            }
            b'r' => {
                let slot = self.length(4)?;
                self.put(slot as u64)
            }
            0x94 => self.put(self.memo.len() as u64),
            b'g' => {
                let slot = self.decimal_line()?;
                self.get(slot)
            }
            b'h' => {
                let slot = self.length(1)?;
                self.get(slot as u64)
            }
            b'j' => {
                let slot = self.length(4)?;
                self.get(slot as u64)
            }
            // Scalars
            b'N' => self.atom(Value::None),
            0x88 => self.atom(Value::Bool(true)),
            0x89 => self.atom(Value::Bool(false)),
            b'I' => match self.text_line()? {
                "01" => self.atom(Value::Bool(true)),
                "00" => self.atom(Value::Bool(false)),
                digits => {
                    let int = parse_int(digits)?;
                    self.atom(Value::Int(int))
                }
            },
            b'L' => {
                let line = self.text_line()?;
                let int = parse_int(line.strip_suffix('L').unwrap_or(line))?;
                self.atom(Value::Int(int))
            }
            b'K' => self.unsigned(1),
            b'M' => self.unsigned(2),
            b'J' => {
                let bytes = self.take(4)?;
                self.int(bytes)
            }
            0x8a => {
                let length = self.length(1)?;
                let bytes = self.take(length)?;
                self.int(bytes)
            }
            0x8b => {
                let bytes = self.sized(4)?;
                self.int(bytes)
            }
            b'F' => {
                let line = self.text_line()?;
                let float: f64 = line.parse().map_err(|_| fail("a number is malformed"))?;
                self.atom(float.into())
            }
            b'G' => {
                let bits = self.take(8)?.iter();
                let bits = bits.fold(0, |sum, byte| sum << 8 | u64::from(*byte));
                self.atom(f64::from_bits(bits).into())
            }
            // Text and bytes
            b'S' => {
                let text = unquote(self.line()?)?;
                self.python2_text(&text)
            }
            b'T' => {
                let bytes = self.sized(4)?;
                self.python2_text(bytes)
            }
            b'U' => {
                let bytes = self.sized(1)?;
                self.python2_text(bytes)
            }
            b'V' => {
                let text = raw_unicode(self.line()?)?;
                self.atom(Value::Str(text))
            }
            0x8c => self.unicode(1),
            b'X' => self.unicode(4),
            0x8d => self.unicode(8),
            b'C' => self.byte_string(1),
            b'B' => self.byte_string(4),
            0x8e => self.byte_string(8),
            0x96 => {
                let bytes = self.sized(8)?.to_vec();
                self.atom(Value::ByteArray(bytes))
            }
            // Containers
            b']' => self.push(Node::List(Vec::new())),
            b'}' => self.push(Node::Dict(None, Vec::new())),
            b')' => self.push(Node::Tuple(Vec::new())),
            0x8f => self.push(Node::Set(Vec::new())),
            b'l' => {
                let items = self.pop_mark()?;
                self.push(Node::List(items))
            }
            b't' => {
                let items = self.pop_mark()?;
                self.push(Node::Tuple(items))
            }
            0x91 => {
                let items = self.pop_mark()?;
                self.push(Node::FrozenSet(items))
            }
            b'd' => {
                let pairs = paired(&self.pop_mark()?)?;
                self.push(Node::Dict(None, pairs))
            }
            0x85..=0x87 => {
                let mut items = Vec::new();
                for _ in 0x85..=opcode {
                    items.push(self.pop()?);
                }
                items.reverse();
                self.push(Node::Tuple(items))
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' => {
                let items = self.pop_mark()?;
                self.append(items)
            }
            0x90 => {
                let items = self.pop_mark()?;
                let top = self.top()?;
                match &mut self.nodes[top] {
                    Node::Set(kept) => {
                        kept.extend(items);
                        Ok(())
                    }
                    _ => Err(fail("members are added to what is no set")),
                }
            }
            b's' => {
                let (value, key) = (self.pop()?, self.pop()?);
                self.set_items(vec![(key, value)])
            }
            b'u' => {
                let pairs = paired(&self.pop_mark()?)?;
                self.set_items(pairs)
            }
            // Names and objects
            b'c' => {
                let (module, name) = (self.text_line()?, self.text_line()?);
                let name = Name::find(module, name)?;
                self.push(Node::Name(name))
            }
            0x93 => {
                let (name, module) = (self.pop()?, self.pop()?);
                let (Some(module), Some(name)) = (self.plain(module), self.plain(name)) else {
                    return Err(fail("a name is not text"));
                };
                let name = Name::find(module, name)?;
                self.push(Node::Name(name))
            }
            b'R' => {
                let (name, args) = self.call()?;
                let made = names::reduce(self, name, &args)?;
                self.push(made)
            }
            0x81 => {
                let (name, args) = self.call()?;
                let made = names::construct(self, name, &args)?;
                self.push(made)
            }
            b'b' => self.build(),
            other => Err(refused(other)),
        }
    }

    fn byte(&mut self) -> Result<u8, Failed> {
        self.take(1).map(|bytes| bytes[0])
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Failed> {
        let end = self.at.checked_add(length);
        let taken = end.and_then(|end| self.bytes.get(self.at..end));
        let taken = taken.ok_or_else(|| fail("the input ends too early"))?;
        self.at += length;
        Ok(taken)
    }

    /// An unsigned number, least significant byte first.
    fn length(&mut self, width: usize) -> Result<usize, Failed> {
        let bytes = self.take(width)?.iter().rev();
        let length = bytes.fold(0_u64, |sum, byte| sum << 8 | u64::from(*byte));
        usize::try_from(length).map_err(|_| fail("a length is beyond all memory"))
    }

    fn sized(&mut self, width: usize) -> Result<&'a [u8], Failed> {
        let length = self.length(width)?;
        self.take(length)
    }

    fn line(&mut self) -> Result<&'a [u8], Failed> {
        let rest = &self.bytes[self.at..];
        let end = rest.iter().position(|byte| *byte == b'\n');
        let end = end.ok_or_else(|| fail("a line does not end"))?;
        self.at += end + 1;
        Ok(&rest[..end])
    }

    fn text_line(&mut self) -> Result<&'a str, Failed> {
        std::str::from_utf8(self.line()?).map_err(|_| fail("a line is not text"))
    }

    fn decimal_line(&mut self) -> Result<u64, Failed> {
        let line = self.text_line()?;
        line.parse().map_err(|_| fail("a memo slot is no number"))
    }

    fn push(&mut self, node: Node) -> Result<(), Failed> {
        if self.nodes.len() >= MAX_NODES {
            return Err(fail("it makes too many objects"));
        }
        self.stack.push(self.nodes.len());
        self.nodes.push(node);
        Ok(())
    }

    fn atom(&mut self, value: Value) -> Result<(), Failed> {
        self.push(Node::Atom(value))
    }

    /// The top of the stack, above the last mark.
    fn top(&self) -> Result<Id, Failed> {
        let floor = self.marks.last().copied().unwrap_or(0);
        let above = self.stack.get(floor..).unwrap_or_default();
        above
            .last()
            .copied()
            .ok_or_else(|| fail("the stack is empty"))
    }

    fn pop(&mut self) -> Result<Id, Failed> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    fn pop_mark(&mut self) -> Result<Vec<Id>, Failed> {
        let floor = self.marks.pop().ok_or_else(|| fail("there is no mark"))?;
        Ok(self.stack.split_off(floor.min(self.stack.len())))
    }

    fn put(&mut self, slot: u64) -> Result<(), Failed> {
        let top = self.top()?;
        self.memo.insert(slot, top);
        Ok(())
    }

    fn get(&mut self, slot: u64) -> Result<(), Failed> {
        let kept = self.memo.get(&slot);
        let kept = *kept.ok_or_else(|| fail("a memo slot is empty"))?;
        self.stack.push(kept);
        Ok(())
    }

    fn unsigned(&mut self, width: usize) -> Result<(), Failed> {
        let number = self.length(width)?;
        self.atom(Value::Int((number as u64).into()))
    }

    fn int(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let int = Int::from_le_bytes(bytes);
        self.atom(Value::Int(int.ok_or_else(|| fail("a number is too long"))?))
    }

    fn python2_text(&mut self, bytes: &[u8]) -> Result<(), Failed> {
        let text = std::str::from_utf8(bytes).ok();
        match text.filter(|text| text.is_ascii()) {
            Some(text) => self.atom(text.into()),
            None => Err(fail("a Python 2 string is not ASCII")),
        }
    }

    fn unicode(&mut self, width: usize) -> Result<(), Failed> {
        let text = Text::from_generalised_utf8(self.sized(width)?.to_vec());
        self.atom(Value::Str(text.ok_or_else(|| fail("a text is not UTF-8"))?))
    }

    fn byte_string(&mut self, width: usize) -> Result<(), Failed> {
        let bytes = self.sized(width)?.to_vec();
        self.atom(Value::Bytes(bytes))
    }

    fn plain(&self, id: Id) -> Option<&str> {
        match self.node(id) {
            Node::Atom(Value::Str(text)) => text.as_str(),
            _ => None,
        }
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), Failed> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::List(kept) | Node::Deque(kept, _) => {
                kept.extend(items);
                Ok(())
            }
            _ => Err(fail("items are appended to what is no list")),
        }
    }

    fn set_items(&mut self, pairs: Vec<(Id, Id)>) -> Result<(), Failed> {
        let top = self.top()?;
        match &mut self.nodes[top] {
            Node::Dict(_, kept) => {
                kept.extend(pairs);
                Ok(())
            }
            _ => Err(fail("pairs are put into what is no dict")),
        }
    }

    /// A name and its arguments.
    fn call(&mut self) -> Result<(Name, Vec<Id>), Failed> {
        let (args, name) = (self.pop()?, self.pop()?);
        match (self.node(name), self.node(args)) {
            (Node::Name(name), Node::Tuple(args)) => Ok((*name, args.clone())),
            _ => Err(fail("what is called is no name, or without arguments")),
        }
    }

    /// The state of a UUID is the one that any object on the list is given afterwards.
    fn build(&mut self) -> Result<(), Failed> {
        let state = self.pop()?;
        let object = self.top()?;
        let Node::Dict(None, pairs) = self.node(state) else {
            return Err(fail("a state is no dict"));
        };
        let number =
            pairs
                .iter()
                .find_map(|(key, value)| match (self.plain(*key), self.node(*value)) {
                    (Some("int"), Node::Atom(Value::Int(int))) => int.as_u128(),
                    _ => None,
                });
        match (&mut self.nodes[object], number) {
            (Node::Uuid(uuid), Some(number)) => {
                *uuid = Some(number);
                Ok(())
            }
            _ => Err(fail("a state is given to what has none")),
        }
    }
}

fn paired(items: &[Id]) -> Result<Vec<(Id, Id)>, Failed> {
    let (pairs, rest) = items.as_chunks::<2>();
    match rest {
        [] => Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect()),
        _ => Err(fail("a key has no value")),
    }
}

fn parse_int(digits: &str) -> Result<Int, Failed> {
    digits.parse().map_err(|_| fail("a number is malformed"))
}

/// The text of a Python 2 string: quotes off, escapes undone.
fn unquote(line: &[u8]) -> Result<Vec<u8>, Failed> {
    let malformed = || fail("a Python 2 string is malformed");
    let ([b'\'', inner @ .., b'\''] | [b'"', inner @ .., b'"']) = line else {
        return Err(malformed());
    };
    let mut text = Vec::with_capacity(inner.len());
    let mut rest = inner.iter().copied();
    while let Some(byte) = rest.next() {
        if byte != b'\\' {
            text.push(byte);
            continue;
        }
        text.push(match rest.next() {
            Some(byte @ (b'\\' | b'\'' | b'"')) => byte,
            Some(b'n') => b'\n',
            Some(b'r') => b'\r',
            Some(b't') => b'\t',
            Some(b'x') => {
                let mut digit = || rest.next().and_then(|byte| char::from(byte).to_digit(16));
                let (high, low) = (digit(), digit());
                let byte = high.zip(low).map(|(high, low)| (high << 4 | low) as u8);
                byte.ok_or_else(malformed)?
            }
            _ => return Err(malformed()),
        });
    }
    Ok(text)
}

/// Latin-1 in which `\uXXXX` and `\UXXXXXXXX` stand for the rest.
fn raw_unicode(line: &[u8]) -> Result<Text, Failed> {
    let mut points = Vec::with_capacity(line.len());
    let mut rest = line;
    while let [byte, after @ ..] = rest {
        rest = after;
        let length = match (byte, after.first()) {
            (b'\\', Some(b'u')) => 4,
            (b'\\', Some(b'U')) => 8,
            (b'\\', Some(other)) => {
                points.extend([u32::from(b'\\'), u32::from(*other)]);
                rest = &after[1..];
                continue;
            }
            _ => {
                points.push(u32::from(*byte));
                continue;
            }
        };
        let digits = after.get(1..=length);
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        let digits = digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let point = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok());
        points.push(point.ok_or_else(|| fail("an escape is malformed"))?);
        rest = &after[length + 1..];
    }
    Text::from_code_points(points).ok_or_else(|| fail("an escape is beyond Unicode"))
}

/// Instructions that ask for code, for another process or for what sessions never hold.
fn refused(opcode: u8) -> Failed {
    let name = match opcode {
        b'P' => "PERSID",
        b'Q' => "BINPERSID",
        b'i' => "INST",
        b'o' => "OBJ",
        0x82 => "EXT1",
        0x83 => "EXT2",
        0x84 => "EXT4",
        0x92 => "NEWOBJ_EX",
        0x97 => "NEXT_BUFFER",
        0x98 => "READONLY_BUFFER",
        other => return fail(format!("there is no instruction {other:#04x}")),
    };
    fail(format!("the instruction {name} is refused"))
}
