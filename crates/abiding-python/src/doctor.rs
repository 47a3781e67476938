//! What is wrong with an application's configuration: the judgement of `abiding-doctor`, for `flask abiding doctor`.

use abiding_doctor::{Error, Facts, Silences, examine};
use pyo3::prelude::*;

use crate::errors::wrong_setting;

/// The report on an application that is described in JSON, as `text`, `json` or `sarif`, and the exit code.
/// `silences` is the text of an `abiding-doctor.toml`.
#[pyfunction]
#[pyo3(signature = (application, *, form = "text", silences = None))]
pub(crate) fn examine_application(
    py: Python<'_>,
    application: &str,
    form: &str,
    silences: Option<&str>,
) -> PyResult<(String, u8)> {
    let wrong = |error: Error| wrong_setting(py, error.to_string());
    let facts = Facts::of_application(application).map_err(wrong)?;
    let silences = Silences::parse(silences.unwrap_or_default()).map_err(wrong)?;
    let report = examine(&facts, &silences);
    let text = match form {
        "json" => report.to_json(),
        "sarif" => report.to_sarif(),
        _ => report.to_string(),
    };
    Ok((text, report.exit_code()))
}
