//! Which handler does which job: one line each.

use crate::registry::Registry;

/// Every handler of the product.
pub(crate) fn all() -> Registry {
    Registry::new()
}
