//! Lines of libraries that say what nobody may read in a log: the code that links an account, people's numbers.

use tracing::field::{Field, Visit};
use tracing::subscriber::Interest;
use tracing::{Event, Metadata};
use tracing_subscriber::filter::LevelFilter;
use tracing_subscriber::layer::{Context, Filter};

/// Their crates, by the beginnings of their names.
const INDISCREET: [&str; 2] = ["whatsapp_rust", "wacore"];

/// Holds such lines back, unless whoever reads the log has asked for them by the crate's name.
#[derive(Clone, Debug)]
pub(super) struct Discretion {
    held_back: Vec<&'static str>,
}

impl Discretion {
    /// Of all that these directives do not name.
    pub(super) fn unless_named_in(directives: &str) -> Self {
        let mut held_back = INDISCREET.to_vec();
        held_back.retain(|name| !directives.contains(name));
        Self { held_back }
    }
}

impl<S> Filter<S> for Discretion {
    fn enabled(&self, _: &Metadata<'_>, _: &Context<'_, S>) -> bool {
        true
    }

    /// What is not wanted at its level is still not made.
    fn callsite_enabled(&self, _: &'static Metadata<'static>) -> Interest {
        Interest::always()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(LevelFilter::TRACE)
    }

    /// What comes by the crate `log` names its module in a field: its target is whatever its author chose.
    fn event_enabled(&self, event: &Event<'_>, _: &Context<'_, S>) -> bool {
        let mut origin = Origin {
            held_back: &self.held_back,
            is_held_back: false,
        };
        origin.look_at(event.metadata().module_path().unwrap_or_default());
        event.record(&mut origin);
        !origin.is_held_back
    }
}

struct Origin<'a> {
    held_back: &'a [&'static str],
    is_held_back: bool,
}

impl Origin<'_> {
    fn look_at(&mut self, module: &str) {
        self.is_held_back |= self.held_back.iter().any(|name| module.starts_with(name));
    }
}

impl Visit for Origin<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "log.module_path" {
            self.look_at(value);
        }
    }

    fn record_debug(&mut self, _: &Field, _: &dyn std::fmt::Debug) {}
}
