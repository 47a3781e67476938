//! The name of a table, and of the schema or the database it lies in.

use std::fmt;

/// A name that means the same with quotes and without.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct TableName {
    schema: Option<String>,
    name: String,
}

impl TableName {
    /// `name`, or `schema.name`; `None` for what is not of lower-case letters, digits and underscores.
    pub(crate) fn new(text: &str) -> Option<Self> {
        let (schema, name) = match text.split_once('.') {
            Some((schema, name)) => (Some(schema), name),
            None => (None, text),
        };
        let is_fit = schema.into_iter().chain([name]).all(is_name);
        is_fit.then(|| Self {
            schema: schema.map(str::to_owned),
            name: name.to_owned(),
        })
    }

    #[cfg(feature = "mysql")]
    pub(crate) fn schema(&self) -> Option<&str> {
        self.schema.as_deref()
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// As it stands in a statement, in these quotes.
    pub(crate) fn quoted(&self, quote: char) -> String {
        self.beside(&self.name, quote)
    }

    /// The table that holds the version of this one.
    pub(crate) fn versions(&self, quote: char) -> String {
        self.beside("abiding_schema", quote)
    }

    fn beside(&self, name: &str, quote: char) -> String {
        let schema = self
            .schema
            .iter()
            .map(|schema| format!("{quote}{schema}{quote}."));
        schema.chain([format!("{quote}{name}{quote}")]).collect()
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.schema {
            Some(schema) => write!(f, "{schema}.{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

/// PostgreSQL cuts off what is longer than 63, and the names of its indexes are longer than that of the table.
fn is_name(name: &str) -> bool {
    let begins_well = name.starts_with(|first: char| first.is_ascii_lowercase() || first == '_');
    let is_fit = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    begins_well && name.len() <= 40 && name.chars().all(is_fit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_taken_apart_and_quoted_in_its_parts() {
        let name = TableName::new("web.kept_1").unwrap();
        assert_eq!(name.quoted('"'), r#""web"."kept_1""#);
        assert_eq!(name.versions('`'), "`web`.`abiding_schema`");
        assert_eq!(name.to_string(), "web.kept_1");
        assert_eq!(TableName::new("kept").unwrap().quoted('`'), "`kept`");
    }

    #[test]
    fn what_would_need_quotes_is_no_name() {
        for text in [
            "",
            "Kept",
            "1kept",
            "a;b",
            "a.b.c",
            ".a",
            "a.",
            "a`b",
            "a\"b",
            &"a".repeat(41),
        ] {
            assert_eq!(TableName::new(text), None, "{text}");
        }
    }
}
