//! What an expression of Python is worth, without executing it.

use std::collections::HashMap;

use tree_sitter::Node;

use crate::value::{Argument, Value};

/// Names that the module assigns once, at its top.
pub(super) struct Names<'t> {
    pub(super) text: &'t str,
    pub(super) assigned: HashMap<&'t str, Node<'t>>,
}

/// Names that lead to names, calls in calls: what is nested deeper cannot be told.
const DEEPEST: usize = 12;

impl<'t> Names<'t> {
    pub(super) fn text_of(&self, node: Node<'t>) -> &'t str {
        self.text.get(node.byte_range()).unwrap_or_default()
    }

    pub(super) fn value(&self, node: Node<'t>) -> Value {
        self.value_at(node, 0)
    }

    fn value_at(&self, node: Node<'t>, depth: usize) -> Value {
        if depth > DEEPEST {
            return Value::Unknown;
        }
        let value = |node| self.value_at(node, depth + 1);
        let field = |name| node.child_by_field_name(name);
        match node.kind() {
            "none" => Value::None,
            "true" => Value::Bool(true),
            "false" => Value::Bool(false),
            "integer" => integer(self.text_of(node)),
            "float" => self
                .text_of(node)
                .replace('_', "")
                .parse()
                .map_or(Value::Unknown, Value::Number),
            "string" => self.string(node).map_or(Value::Unknown, Value::Text),
            "concatenated_string" => {
                let parts = children(node).into_iter().map(|part| self.string(part));
                parts
                    .collect::<Option<String>>()
                    .map_or(Value::Unknown, Value::Text)
            }
            "parenthesized_expression" => children(node)
                .first()
                .map_or(Value::Unknown, |inner| value(*inner)),
            "boolean_operator" | "conditional_expression" | "comparison_operator" => {
                let sides = children(node).into_iter().map(value);
                let mut sides: Vec<_> = sides.collect();
                if node.kind() == "comparison_operator" {
                    // What is compared is no outcome, but the variables that it looks at are of interest.
                    sides = sides
                        .iter()
                        .flat_map(|side| side.variables())
                        .map(|name| Value::Variable {
                            name: name.to_owned(),
                            default: None,
                            required: false,
                        })
                        .collect();
                    sides.extend([Value::Bool(true), Value::Bool(false)]);
                }
                Value::Either(sides)
            }
            "not_operator" => Value::Either(
                children(node)
                    .into_iter()
                    .flat_map(|inner| {
                        value(inner)
                            .variables()
                            .into_iter()
                            .map(str::to_owned)
                            .collect::<Vec<_>>()
                    })
                    .map(|name| Value::Variable {
                        name,
                        default: None,
                        required: false,
                    })
                    .chain([Value::Bool(true), Value::Bool(false)])
                    .collect(),
            ),
            "binary_operator" => {
                let (Some(left), Some(right), Some(operator)) =
                    (field("left"), field("right"), field("operator"))
                else {
                    return Value::Unknown;
                };
                combined(value(left), self.text_of(operator), value(right))
            }
            "unary_operator" => match children(node).first().map(|inner| value(*inner)) {
                Some(Value::Number(number)) if self.text_of(node).starts_with('-') => {
                    Value::Number(-number)
                }
                _ => Value::Unknown,
            },
            "list" | "tuple" | "set" => Value::Call {
                name: "list".to_owned(),
                arguments: children(node)
                    .into_iter()
                    .map(|item| Argument {
                        name: None,
                        value: value(item),
                    })
                    .collect(),
            },
            "subscript" => self.subscript(node),
            "call" => self.call(node, depth),
            "identifier" => match self.assigned.get(self.text_of(node)) {
                Some(assigned) => value(*assigned),
                None => Value::Unknown,
            },
            // `datetime.now().isoformat` is a call by that name.
            "attribute" => Value::Call {
                name: self.dotted(node),
                arguments: Vec::new(),
            },
            _ => Value::Unknown,
        }
    }

    /// `os.environ["NAME"]`
    fn subscript(&self, node: Node<'t>) -> Value {
        let base = node
            .child_by_field_name("value")
            .map(|base| self.dotted(base));
        let key = node
            .child_by_field_name("subscript")
            .and_then(|key| self.string(key));
        match (base, key) {
            (Some(base), Some(name)) if base == "environ" || base.ends_with(".environ") => {
                Value::Variable {
                    name,
                    default: None,
                    required: true,
                }
            }
            _ => Value::Unknown,
        }
    }

    fn call(&self, node: Node<'t>, depth: usize) -> Value {
        let (Some(function), Some(list)) = (
            node.child_by_field_name("function"),
            node.child_by_field_name("arguments"),
        ) else {
            return Value::Unknown;
        };
        let name = self.dotted(function);
        let arguments: Vec<_> = children(list)
            .into_iter()
            .filter(|argument| argument.kind() != "comment")
            .map(|argument| match argument.kind() {
                "keyword_argument" => Argument {
                    name: argument
                        .child_by_field_name("name")
                        .map(|name| self.text_of(name).to_owned()),
                    value: argument
                        .child_by_field_name("value")
                        .map_or(Value::Unknown, |value| self.value_at(value, depth + 1)),
                },
                _ => Argument {
                    name: None,
                    value: self.value_at(argument, depth + 1),
                },
            })
            .collect();
        known_call(name, arguments)
    }

    /// The text of a plain string; nothing for one with expressions in it.
    pub(super) fn string(&self, node: Node<'t>) -> Option<String> {
        if node.kind() != "string" {
            return None;
        }
        let parts = children(node);
        let start = parts
            .iter()
            .find(|part| part.kind() == "string_start")
            .map_or("", |part| self.text_of(*part));
        let raw = start.to_ascii_lowercase().contains('r');
        let mut text = String::new();
        for part in parts {
            match part.kind() {
                "string_content" if raw => text += self.text_of(part),
                "string_content" => text += &unescaped(self.text_of(part)),
                "interpolation" => return None,
                _ => {}
            }
        }
        Some(text)
    }

    /// `a.b.c`, `a().b`: the name by which something is called.
    pub(super) fn dotted(&self, node: Node<'t>) -> String {
        self.dotted_at(node, 0)
    }

    fn dotted_at(&self, node: Node<'t>, depth: usize) -> String {
        let inner = |name| match node.child_by_field_name(name) {
            Some(inner) if depth < DEEPEST => self.dotted_at(inner, depth + 1),
            _ => String::new(),
        };
        match node.kind() {
            "identifier" => self.text_of(node).to_owned(),
            "attribute" => {
                let object = inner("object");
                let attribute = node
                    .child_by_field_name("attribute")
                    .map(|name| self.text_of(name))
                    .unwrap_or_default();
                format!("{object}.{attribute}")
            }
            "call" => {
                let function = inner("function");
                // A zone in `datetime.now(zone)` matters, whichever it is.
                let bare = node
                    .child_by_field_name("arguments")
                    .is_none_or(|list| children(list).is_empty());
                format!("{function}({})", if bare { "" } else { ".." })
            }
            "subscript" => format!("{}[]", inner("value")),
            _ => String::new(),
        }
    }
}

/// The named children of a node, without comments.
pub(super) fn children(node: Node<'_>) -> Vec<Node<'_>> {
    if node.named_child_count() == 0 {
        return Vec::new();
    }
    let mut cursor = node.walk();
    node.named_children(&mut cursor)
        .filter(|child| child.kind() != "comment")
        .collect()
}

/// Calls whose result is known: the environment, durations, and conversions that change nothing here.
fn known_call(name: String, arguments: Vec<Argument>) -> Value {
    let last = name.rsplit('.').next().unwrap_or(&name);
    let first = |arguments: &[Argument]| arguments.first().map(|argument| argument.value.clone());
    match last {
        "getenv" => variable(&arguments),
        "get" if name.ends_with("environ.get") || name.ends_with("environ.setdefault") => {
            variable(&arguments)
        }
        // python-decouple and environs.
        "config" | "env"
            if name.len() == last.len() && matches!(first(&arguments), Some(Value::Text(_))) =>
        {
            variable(&arguments)
        }
        _ if name.starts_with("env.") => variable(&arguments),
        "timedelta" => duration(&arguments),
        "bool" | "int" | "str" | "bytes" | "float" => first(&arguments).unwrap_or(Value::Unknown),
        _ => Value::Call { name, arguments },
    }
}

fn variable(arguments: &[Argument]) -> Value {
    let Some(Value::Text(name)) = arguments.first().map(|argument| &argument.value) else {
        return Value::Unknown;
    };
    let default = arguments
        .iter()
        .skip(1)
        .find(|argument| matches!(argument.name.as_deref(), None | Some("default")));
    Value::Variable {
        name: name.clone(),
        default: default.map(|default| Box::new(default.value.clone())),
        required: false,
    }
}

fn duration(arguments: &[Argument]) -> Value {
    let positional = ["days", "seconds"];
    let mut seconds = 0.0;
    for (at, argument) in arguments.iter().enumerate() {
        let unit = argument
            .name
            .as_deref()
            .or_else(|| positional.get(at).copied());
        let unit = match unit {
            Some("weeks") => 604_800.0,
            Some("days") => 86_400.0,
            Some("hours") => 3_600.0,
            Some("minutes") => 60.0,
            Some("seconds") => 1.0,
            _ => return Value::Unknown,
        };
        let Some(number) = argument
            .value
            .outcomes()
            .into_iter()
            .find_map(Value::seconds)
        else {
            return Value::Unknown;
        };
        seconds += unit * number;
    }
    Value::Seconds(seconds)
}

fn combined(left: Value, operator: &str, right: Value) -> Value {
    match (left, operator, right) {
        (Value::Number(a), "+", Value::Number(b)) => Value::Number(a + b),
        (Value::Number(a), "-", Value::Number(b)) => Value::Number(a - b),
        (Value::Number(a), "*", Value::Number(b)) => Value::Number(a * b),
        (Value::Text(a), "+", Value::Text(b)) => Value::Text(a + &b),
        // A path of which the beginning is not known is not relative.
        _ => Value::Unknown,
    }
}

fn integer(text: &str) -> Value {
    let text = text.replace('_', "").to_ascii_lowercase();
    let radix = [("0x", 16), ("0o", 8), ("0b", 2)]
        .into_iter()
        .find_map(|(prefix, radix)| Some((text.strip_prefix(prefix)?, radix)));
    let number = match radix {
        Some((digits, radix)) => i64::from_str_radix(digits, radix)
            .ok()
            .map(|number| number as f64),
        None => text.parse().ok(),
    };
    number.map_or(Value::Unknown, Value::Number)
}

/// The escapes that secrets in documents have; others stay as they are.
fn unescaped(text: &str) -> String {
    if !text.contains('\\') {
        return text.to_owned();
    }
    let mut plain = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            plain.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => plain.push('\n'),
            Some('t') => plain.push('\t'),
            Some('r') => plain.push('\r'),
            Some('x') => {
                let digits: String = rest.by_ref().take(2).collect();
                plain.extend(u8::from_str_radix(&digits, 16).ok().map(char::from));
            }
            Some(digit @ '0'..='7') => plain.extend(digit.to_digit(8).and_then(char::from_u32)),
            Some(quote @ ('\'' | '"' | '\\')) => plain.push(quote),
            Some('\n') | None => {}
            Some(other) => plain.extend(['\\', other]),
        }
    }
    plain
}
