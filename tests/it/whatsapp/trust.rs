//! Whom the product trusts, and under which licence it is. Tests pair with a fake server because their build skips the check
//! of WhatsApp's certificate (fake-wa/README.md); what people build must not.

use hub::session::Observed;
use hub::session::pairing::News;

use super::{Shift, Shop, next};

#[tokio::test(flavor = "multi_thread")]
async fn the_product_shows_no_code_of_a_server_that_is_not_whatsapps() {
    let Ok(product) = std::env::var("TEST_PRODUCT") else {
        eprintln!("not looked at: `make test` builds the product and names it in TEST_PRODUCT");
        return;
    };
    let shop = Shop::open().await;
    let shift = Shift::of(product.into(), &shop, &[]).await;
    let mut watch = shop.begin(None).await;
    let told = next(&mut watch).await;
    assert!(matches!(told, News::Failed { .. }), "{told:?}");
    shop.until_observed(Observed::New).await;
    let effects = shop.whatsapp.effects(0);
    let has = |kind: &str| effects.iter().any(|effect| effect.kind == kind);
    assert!(
        has("socket.broken"),
        "it came, saw who answers, and left: {effects:?}"
    );
    assert!(!has("newcomer") && !has("paired"), "{effects:?}");
    shift.stop().await;
    shop.whatsapp.stop().await;
}

#[test]
fn a_program_that_can_work_whatsapp_numbers_says_its_licence() {
    let output = std::process::Command::new(env!("CARGO_BIN_EXE_switchboard"))
        .arg("--version")
        .output()
        .unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(said.contains("Features: whatsapp-web"), "{said}");
    assert!(said.contains("Licence: AGPL-3.0-or-later"), "{said}");
}
