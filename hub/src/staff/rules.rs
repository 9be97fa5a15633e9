//! Who may make whom what, and what a name and an address are.

use super::{Staff, normal_email};
use crate::error::{Error, Result};
use crate::role::Role;

/// Whether somebody of role `by` may add one of `role`; without `by`, the operator at the command line, who alone makes
/// operators.
pub(super) fn may_add(by: Option<Role>, role: Role) -> Result<()> {
    if role == Role::SystemAdmin && by.is_some() {
        return Err(Error::field("role", "must be owner, admin, staff or read_only"));
    }
    match by {
        Some(by) if by < role => Err(Error::Forbidden),
        _ => Ok(()),
    }
}

/// Whether somebody of role `by` may make `before` into `after`: neither may be above them.
pub(super) fn may_change(by: Role, before: &Staff, after: &Staff) -> Result<()> {
    if after.role == Role::SystemAdmin && before.role != Role::SystemAdmin {
        return Err(Error::field("role", "must be owner, admin, staff or read_only"));
    }
    if before.role > by || after.role > by {
        return Err(Error::Forbidden);
    }
    Ok(())
}

/// An owner who can sign in.
pub(super) fn is_owner(staff: &Staff) -> bool {
    staff.role == Role::Owner && !staff.disabled
}

pub(super) fn checked_name(name: &str) -> Result<String> {
    let name = name.trim();
    if name.is_empty() || name.chars().count() > 120 || name.chars().any(char::is_control) {
        return Err(Error::field("name", "must have 1 to 120 characters"));
    }
    Ok(name.to_owned())
}

pub(super) fn checked_email(email: &str) -> Result<String> {
    let email = normal_email(email);
    let plain = email.len() <= 254 && !email.chars().any(|c| c.is_whitespace() || c.is_control());
    let parts = email
        .rsplit_once('@')
        .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.starts_with('.'));
    if plain && parts {
        Ok(email)
    } else {
        Err(Error::field("email", "must be an e-mail address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;
    use crate::ids::StaffId;

    const ROLES: [Role; 4] = [Role::ReadOnly, Role::Staff, Role::Admin, Role::Owner];

    fn of(role: Role) -> Staff {
        let now = Timestamp::from(jiff::Timestamp::UNIX_EPOCH);
        Staff {
            id: StaffId::at(now),
            name: "Ann".to_owned(),
            email: "ann@example.com".to_owned(),
            role,
            disabled: false,
            created_at: now,
        }
    }

    #[test]
    fn nobody_reaches_above_himself() {
        let pairs = || {
            ROLES
                .into_iter()
                .flat_map(|before| ROLES.map(|after| (before, after)))
        };
        for by in ROLES {
            for (before, after) in pairs() {
                let allowed = may_change(by, &of(before), &of(after)).is_ok();
                assert_eq!(
                    allowed,
                    before <= by && after <= by,
                    "{by:?} {before:?} {after:?}"
                );
                assert_eq!(may_add(Some(by), after).is_ok(), after <= by);
            }
            assert!(may_add(Some(by), Role::SystemAdmin).is_err());
            assert!(may_change(by, &of(by), &of(Role::SystemAdmin)).is_err());
        }
    }

    #[test]
    fn an_address_is_one_line_with_two_sides() {
        assert_eq!(checked_email(" Ann@Example.COM ").unwrap(), "ann@example.com");
        for bad in [
            "",
            "ann",
            "@example.com",
            "ann@",
            "a b@example.com",
            "ann@x\r\nbcc: y",
            "ann@.x",
        ] {
            assert!(checked_email(bad).is_err(), "{bad}");
        }
    }
}
