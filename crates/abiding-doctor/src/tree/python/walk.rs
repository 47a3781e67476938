//! One walk over a module of Python: what it sets, imports, stores in the session, and says in comments.

use std::collections::HashMap;

use tree_sitter::Node;

use super::expression::{Names, children};
use crate::{
    facts::{Facts, Origin, Scope, Setting, Sight, What},
    tree::{Named, lines},
    value::Value,
};

/// Deeper than code is nested; what lies below is left out.
const DEEPEST: usize = 150;

pub(super) fn walk<'t>(facts: &mut Facts, named: Named<'_>, text: &'t str, root: Node<'t>) {
    let assigned = HashMap::new();
    let mut names = Names { text, assigned };
    for statement in children(root) {
        let assignment = children(statement)
            .into_iter()
            .find(|child| child.kind() == "assignment");
        let sides = assignment.and_then(|assignment| {
            Some((
                assignment.child_by_field_name("left")?,
                assignment.child_by_field_name("right")?,
            ))
        });
        if let Some((left, right)) = sides.filter(|(left, _)| left.kind() == "identifier") {
            let name = names.text_of(left);
            names.assigned.insert(name, right);
        }
    }
    let mut walker = Walker {
        facts,
        named,
        names,
        has_session: false,
        extension: false,
    };
    walker.visit(root, &Around::default(), 0);
}

struct Walker<'f, 'n, 't> {
    facts: &'f mut Facts,
    named: Named<'n>,
    names: Names<'t>,
    /// Whether `session` is that of Flask here.
    has_session: bool,
    /// Whether `Session` is that of Flask-Session.
    extension: bool,
}

/// What is around a statement.
#[derive(Clone, Default)]
struct Around<'t> {
    class: Option<&'t str>,
    function: Option<Function<'t>>,
}

#[derive(Clone, Default)]
struct Function<'t> {
    /// Called around every request.
    everywhere: bool,
    /// Names for values of the session.
    aliases: Vec<&'t str>,
    /// `session.modified = True` stands in it.
    tells: bool,
    /// Names that are assigned into the session again.
    returned: Vec<&'t str>,
}

impl<'t> Walker<'_, '_, 't> {
    fn visit(&mut self, node: Node<'t>, around: &Around<'t>, depth: usize) {
        if depth > DEEPEST {
            return;
        }
        match node.kind() {
            "comment" => return self.remark(node),
            "import_statement" | "import_from_statement" => return self.import(node),
            "class_definition" => {
                let name = node
                    .child_by_field_name("name")
                    .map(|name| self.names.text_of(name));
                let around = Around {
                    class: name,
                    function: None,
                };
                return self.visit_all(node, &around, depth);
            }
            "decorated_definition" => return self.decorated(node, around, depth),
            "function_definition" => return self.function(node, around, false, depth),
            "assignment" => self.assignment(node, around),
            "augmented_assignment" => {
                if let Some(left) = node.child_by_field_name("left") {
                    self.mutation(left, around);
                }
            }
            "delete_statement" => children(node)
                .into_iter()
                .for_each(|target| self.mutation(target, around)),
            "call" => self.call(node, around),
            "expression_statement" => {
                if let Some(text) = children(node)
                    .first()
                    .filter(|child| child.kind() == "string")
                {
                    self.prose(*text);
                }
            }
            "string" => self.sql(node),
            _ => {}
        }
        self.visit_all(node, around, depth);
    }

    fn visit_all(&mut self, node: Node<'t>, around: &Around<'t>, depth: usize) {
        // Half of all nodes have none, and a cursor is an allocation.
        if node.named_child_count() == 0 {
            return;
        }
        let mut cursor = node.walk();
        for child in node.named_children(&mut cursor) {
            self.visit(child, around, depth + 1);
        }
    }

    fn origin(&self, node: Node<'t>) -> Origin {
        Origin::line(self.named.place, node.start_position().row + 1)
    }

    fn saw(&mut self, node: Node<'t>, what: What) {
        let origin = self.origin(node);
        self.facts.sights.push(Sight { what, origin });
    }

    fn remark(&mut self, node: Node<'t>) {
        let text = self.names.text_of(node).trim_start_matches('#').trim();
        if lines::is_of_interest(text) {
            self.saw(node, What::Remark(text.to_owned()));
        }
    }

    /// A docstring, line by line.
    fn prose(&mut self, node: Node<'t>) {
        let first = node.start_position().row + 1;
        for (at, line) in self.names.text_of(node).lines().enumerate() {
            if lines::is_of_interest(line) {
                let origin = Origin::line(self.named.place, first + at);
                let what = What::Remark(line.trim().to_owned());
                self.facts.sights.push(Sight { what, origin });
            }
        }
    }

    fn sql(&mut self, node: Node<'t>) {
        let text = self.names.text_of(node);
        if text.len() < 10_000 && text.to_ascii_lowercase().contains("create table") {
            let row = node.start_position().row + 1;
            lines::read_sql(self.facts, self.named, text.trim_matches(['"', '\'']), row);
        }
    }

    fn import(&mut self, node: Node<'t>) {
        let module = node
            .child_by_field_name("module_name")
            .map(|module| self.names.text_of(module).to_owned());
        let mut cursor = node.walk();
        let imported: Vec<_> = node
            .children_by_field_name("name", &mut cursor)
            .map(|name| self.names.text_of(name))
            .collect();
        match module {
            Some(module) => {
                let root = module.split('.').next().unwrap_or_default();
                self.has_session |= matches!(root, "flask" | "quart")
                    && imported
                        .iter()
                        .any(|name| name.split_whitespace().next() == Some("session"));
                self.extension |= root == "flask_session";
                self.saw(node, What::Import(module));
            }
            None => {
                for name in imported {
                    let module = name
                        .split_whitespace()
                        .next()
                        .unwrap_or_default()
                        .to_owned();
                    self.extension |= module.starts_with("flask_session");
                    self.saw(node, What::Import(module));
                }
            }
        }
    }

    fn decorated(&mut self, node: Node<'t>, around: &Around<'t>, depth: usize) {
        let Some(definition) = node.child_by_field_name("definition") else {
            return;
        };
        let decorators: Vec<_> = children(node)
            .into_iter()
            .filter(|child| child.kind() == "decorator")
            .collect();
        let texts: Vec<_> = decorators
            .iter()
            .map(|decorator| self.names.text_of(*decorator))
            .collect();
        let everywhere = texts.iter().any(|text| {
            text.contains("before_request")
                || text.contains("after_request")
                || text.contains("before_app_request")
        });
        let routed = texts.iter().find(|text| {
            [".route(", ".get(", ".post("]
                .iter()
                .any(|call| text.contains(call))
        });
        if let Some(route) = routed.filter(|_| self.has_session) {
            let route = route.to_ascii_lowercase();
            let body: String = self.names.text_of(definition).split_whitespace().collect();
            let shown = [
                "dict(session)",
                "session.items()",
                "jsonify(session",
                "str(session)",
                "returnsession",
            ];
            if route.contains("session") && route.contains("debug")
                || shown.iter().any(|call| body.contains(call))
            {
                self.saw(definition, What::SessionShown);
            }
        }
        for decorator in decorators {
            self.visit_all(decorator, around, depth);
        }
        match definition.kind() {
            "function_definition" => self.function(definition, around, everywhere, depth),
            _ => self.visit(definition, around, depth + 1),
        }
    }

    fn function(&mut self, node: Node<'t>, around: &Around<'t>, everywhere: bool, depth: usize) {
        let mut function = Function {
            everywhere,
            ..Function::default()
        };
        if let Some(body) = node.child_by_field_name("body") {
            self.learn(body, &mut function);
            self.secret_file(node, body);
        }
        let around = Around {
            class: around.class,
            function: Some(function),
        };
        self.visit_all(node, &around, depth);
    }

    /// Learns which names of a function are values of the session, and whether it is told of changes.
    fn learn(&self, body: Node<'t>, function: &mut Function<'t>) {
        let (mut cursor, mut depth) = (body.walk(), 0);
        loop {
            self.learn_from(cursor.node(), function);
            let deeper = depth < DEEPEST && cursor.goto_first_child();
            depth += usize::from(deeper);
            if deeper {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if depth == 0 || !cursor.goto_parent() {
                    return;
                }
                depth -= 1;
            }
        }
    }

    fn learn_from(&self, node: Node<'t>, function: &mut Function<'t>) {
        if node.kind() == "assignment"
            && let (Some(left), Some(right)) = (
                node.child_by_field_name("left"),
                node.child_by_field_name("right"),
            )
        {
            if left.kind() == "identifier" && self.is_value_of_session(right) {
                function.aliases.push(self.names.text_of(left));
            }
            if left.kind() == "subscript"
                && self.is_session_key(left)
                && right.kind() == "identifier"
            {
                function.returned.push(self.names.text_of(right));
            }
            let left = self.names.dotted(left);
            function.tells |=
                self.is_session_name(left.strip_suffix(".modified").unwrap_or_default());
        }
    }

    fn is_session_name(&self, name: &str) -> bool {
        name == "flask.session" || name == "session" && self.has_session
    }

    /// `session`
    fn is_session(&self, node: Node<'t>) -> bool {
        matches!(node.kind(), "identifier" | "attribute")
            && self.is_session_name(&self.names.dotted(node))
    }

    /// `session["key"]`
    fn is_session_key(&self, node: Node<'t>) -> bool {
        node.kind() == "subscript"
            && node
                .child_by_field_name("value")
                .is_some_and(|base| self.is_session(base))
    }

    /// `session["key"]`, `session.get("key")`, `session.setdefault("key", {})`
    fn is_value_of_session(&self, node: Node<'t>) -> bool {
        if self.is_session_key(node) {
            return true;
        }
        let method = (node.kind() == "call")
            .then(|| node.child_by_field_name("function"))
            .flatten();
        method.is_some_and(|method| {
            let name = self.names.dotted(method);
            let base = name
                .strip_suffix(".get")
                .or_else(|| name.strip_suffix(".setdefault"));
            base.is_some_and(|base| self.is_session_name(base))
        })
    }

    fn assignment(&mut self, node: Node<'t>, around: &Around<'t>) {
        let (Some(left), Some(right)) = (
            node.child_by_field_name("left"),
            node.child_by_field_name("right"),
        ) else {
            return;
        };
        match left.kind() {
            "identifier" => {
                let name = self.names.text_of(left);
                if around.function.is_none() && is_setting(name) {
                    self.setting(name, self.names.value(right), left, around);
                }
            }
            "attribute" => {
                let dotted = self.names.dotted(left);
                if dotted.ends_with(".secret_key") {
                    self.setting("SECRET_KEY", self.names.value(right), left, around);
                } else if dotted.ends_with(".permanent_session_lifetime") {
                    self.setting(
                        "PERMANENT_SESSION_LIFETIME",
                        self.names.value(right),
                        left,
                        around,
                    );
                } else if let Some(base) = dotted.strip_suffix(".modified") {
                    let everywhere = around
                        .function
                        .as_ref()
                        .is_some_and(|function| function.everywhere);
                    if everywhere && self.is_session_name(base) {
                        self.saw(node, What::ModifiedEverywhere);
                    }
                }
            }
            "subscript" => self.item(left, right, around),
            _ => {}
        }
    }

    fn item(&mut self, left: Node<'t>, right: Node<'t>, around: &Around<'t>) {
        let base = left.child_by_field_name("value");
        let key = left
            .child_by_field_name("subscript")
            .and_then(|key| self.names.string(key));
        let Some(base) = base else {
            return;
        };
        if let Some(key) = &key
            && is_config(&self.names.dotted(base))
        {
            return self.setting(key, self.names.value(right), left, around);
        }
        if self.is_session(base) {
            let value = self.names.value(right);
            let key = key.unwrap_or_default();
            return self.saw(left, What::Stores { key, value });
        }
        self.mutation(left, around);
    }

    /// Something is assigned to, or deleted from, what may be a value of the session.
    fn mutation(&mut self, target: Node<'t>, around: &Around<'t>) {
        let base = (target.kind() == "subscript")
            .then(|| target.child_by_field_name("value"))
            .flatten();
        if let Some(base) = base
            && self.is_inside(base, around, 0)
        {
            self.saw(target, What::NestedMutation);
        }
    }

    /// Whether this is a value of the session, or something inside one, and nobody tells the session of changes.
    fn is_inside(&self, node: Node<'t>, around: &Around<'t>, depth: usize) -> bool {
        let function = around.function.as_ref();
        if depth > DEEPEST || function.is_some_and(|function| function.tells) {
            return false;
        }
        if self.is_value_of_session(node) {
            return true;
        }
        match node.kind() {
            "subscript" => node
                .child_by_field_name("value")
                .is_some_and(|base| self.is_inside(base, around, depth + 1)),
            "identifier" => {
                let name = self.names.text_of(node);
                function.is_some_and(|function| {
                    function.aliases.contains(&name) && !function.returned.contains(&name)
                })
            }
            _ => false,
        }
    }

    fn call(&mut self, node: Node<'t>, around: &Around<'t>) {
        let (Some(function), Some(arguments)) = (
            node.child_by_field_name("function"),
            node.child_by_field_name("arguments"),
        ) else {
            return;
        };
        let name = self.names.dotted(function);
        let (base, method) = name.rsplit_once('.').unwrap_or(("", &name));
        match method {
            "update" | "from_mapping" if is_config(base) => self.mapping(arguments, around),
            "setdefault" if is_config(base) => {
                if let [key, value] = children(arguments)[..]
                    && let Some(key) = self.names.string(key)
                {
                    let value = self.names.value(value);
                    self.setting(&key, value, node, around);
                }
            }
            "Session" if base.is_empty() && self.extension => self.saw(node, What::Extension),
            "logout_user" => self.saw(node, What::Logout),
            "clear" if self.is_session_name(base) => self.saw(node, What::Logout),
            "pop" if self.is_session_name(base) => {
                let key = children(arguments)
                    .first()
                    .and_then(|key| self.names.string(*key));
                let signs_out = [
                    "user",
                    "user_id",
                    "username",
                    "_user_id",
                    "logged_in",
                    "authenticated",
                    "email",
                    "account_id",
                    "member_id",
                ];
                if key.is_some_and(|key| signs_out.contains(&key.as_str())) {
                    self.saw(node, What::Logout);
                }
            }
            "setdefault" if self.is_session_name(base) => {
                if let [key, value] = children(arguments)[..]
                    && let Some(key) = self.names.string(key)
                {
                    let value = self.names.value(value);
                    self.saw(node, What::Stores { key, value });
                }
            }
            "flash" => {
                if let Some(message) = children(arguments).first() {
                    let value = self.names.value(*message);
                    self.saw(
                        node,
                        What::Stores {
                            key: "_flashes".to_owned(),
                            value,
                        },
                    );
                }
            }
            "append" | "extend" | "insert" | "add" | "remove" | "discard" | "update" | "pop"
            | "popitem" | "setdefault" | "clear" | "sort" => {
                let object = function.child_by_field_name("object");
                if object.is_some_and(|object| self.is_inside(object, around, 0)) {
                    self.saw(node, What::NestedMutation);
                }
            }
            "drop_table" if base == "op" => {
                let text = self
                    .names
                    .text_of(node)
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ");
                self.saw(node, What::Sql(text));
            }
            _ => {}
        }
    }

    /// `config.update(NAME=value)`, `config.update({"NAME": value})`
    fn mapping(&mut self, arguments: Node<'t>, around: &Around<'t>) {
        for argument in children(arguments) {
            match argument.kind() {
                "keyword_argument" => {
                    let (name, value) = (
                        argument.child_by_field_name("name"),
                        argument.child_by_field_name("value"),
                    );
                    if let (Some(name), Some(value)) = (name, value) {
                        let value = self.names.value(value);
                        self.setting(self.names.text_of(name), value, argument, around);
                    }
                }
                "dictionary" => {
                    for pair in children(argument) {
                        let (key, value) = (
                            pair.child_by_field_name("key"),
                            pair.child_by_field_name("value"),
                        );
                        if let (Some(key), Some(value)) =
                            (key.and_then(|key| self.names.string(key)), value)
                        {
                            let value = self.names.value(value);
                            self.setting(&key, value, pair, around);
                        }
                    }
                }
                _ => {}
            }
        }
    }

    fn setting(&mut self, name: &str, value: Value, node: Node<'t>, around: &Around<'t>) {
        let class = around.class.unwrap_or_default().to_ascii_lowercase();
        let scope = match () {
            () if class.contains("test") => Scope::Testing,
            () if class.starts_with("dev") || class.starts_with("local") => Scope::Development,
            () => self.named.scope,
        };
        let setting = Setting {
            name: name.to_owned(),
            value,
            origin: self.origin(node),
            layer: self.named.layer,
            scope,
        };
        self.facts.settings.push(setting);
    }

    /// A function that makes a fresh secret and writes a file.
    fn secret_file(&mut self, function: Node<'t>, body: Node<'t>) {
        let text = self.names.text_of(function);
        let makes = [
            "token_hex(",
            "token_urlsafe(",
            "token_bytes(",
            "urandom(",
            "uuid4(",
            "generate_key(",
        ]
        .iter()
        .any(|call| text.contains(call));
        if !makes || !text.to_ascii_lowercase().contains("secret") {
            return;
        }
        if let Some((node, path)) = self.written(body, 0) {
            self.saw(node, What::SecretFile(path));
        }
    }

    /// The first call that writes a file, and its path if it is told.
    fn written(&self, node: Node<'t>, depth: usize) -> Option<(Node<'t>, Option<String>)> {
        if depth > DEEPEST {
            return None;
        }
        if node.kind() == "call" {
            let name = node
                .child_by_field_name("function")
                .map(|function| self.names.dotted(function))
                .unwrap_or_default();
            let arguments = node
                .child_by_field_name("arguments")
                .map(children)
                .unwrap_or_default();
            let mode = arguments
                .get(1)
                .and_then(|mode| self.names.string(*mode))
                .unwrap_or_default();
            let opens = name == "open" && mode.contains(['w', 'x', 'a']);
            if opens || name.ends_with(".write_text") || name.ends_with(".write_bytes") {
                let path = arguments
                    .first()
                    .filter(|_| opens)
                    .map(|path| self.names.value(*path));
                let path = path.and_then(|path| path.as_text().map(str::to_owned));
                return Some((node, path));
            }
        }
        children(node)
            .into_iter()
            .find_map(|child| self.written(child, depth + 1))
    }
}

/// Whether a name of a module or class is a setting.
fn is_setting(name: &str) -> bool {
    let fit = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    name.len() > 2 && name.chars().all(fit)
}

/// `app.config`, `config`, `current_app.config`, `self.app.config`
fn is_config(name: &str) -> bool {
    name == "config" || name.ends_with(".config")
}
