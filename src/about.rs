//! What is in this program, and which licence that puts it under.

use std::sync::LazyLock;

use hub::config::Build;

/// By how it was built.
pub(crate) const BUILD: Build = Build {
    features: &[
        #[cfg(feature = "whatsapp-web")]
        "whatsapp-web",
        #[cfg(feature = "otlp")]
        "otlp",
        #[cfg(feature = "sentry")]
        "sentry",
        #[cfg(feature = "swagger")]
        "swagger",
    ],
    licence: if cfg!(feature = "whatsapp-web") {
        "AGPL-3.0-or-later"
    } else {
        "Apache-2.0"
    },
};

/// What `--version` says, after the program's name.
pub(crate) static VERSION: LazyLock<String> = LazyLock::new(|| {
    let features = match BUILD.features {
        [] => "none".to_owned(),
        some => some.join(", "),
    };
    let why = if cfg!(feature = "whatsapp-web") {
        " (because of whatsapp-web; the rest is Apache-2.0)"
    } else {
        ""
    };
    let version = env!("CARGO_PKG_VERSION");
    format!("{version}\nFeatures: {features}\nLicence: {}{why}", BUILD.licence)
});
