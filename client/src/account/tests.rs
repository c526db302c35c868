use std::num::NonZero;

use dialtone_runtime_smol::Smol;

use super::*;

const LINK: &str = "http://127.0.0.1:1/invite/token";

struct Fixture {
    _dir: tempfile::TempDir,
    home: Home,
    account: AccountDir,
    runtime: Smol,
}

fn run<F: Future<Output = ()>>(test: impl FnOnce(Fixture) -> F) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(Some(dir.path().to_owned())).unwrap();
    let account = home.account(&"http://127.0.0.1:1".parse().unwrap(), "alice");
    let main = |runtime| {
        test(Fixture {
            _dir: dir,
            home,
            account,
            runtime,
        })
    };
    Smol::run(NonZero::new(2).unwrap(), main).unwrap();
}

impl Fixture {
    async fn create_from(&self, link: &str) -> Result<Account<Smol>, OpenError> {
        let newcomer = Newcomer {
            link: Link::parse(link).unwrap(),
            username: "alice".into(),
            password: typed("the password"),
            passphrase: typed("the passphrase"),
            found: false,
        };
        let lock = self.account.try_lock().unwrap();
        let (home, options) = (&self.home, Options::default());
        Account::create(&self.runtime, home, &self.account, lock, newcomer, &options).await
    }

    async fn open_with(&self, passphrase: &str) -> Result<Account<Smol>, OpenError> {
        let lock = self.account.try_lock().unwrap();
        let (home, options) = (&self.home, Options::default());
        let passphrase = typed(passphrase);
        Account::open(
            &self.runtime,
            home,
            &self.account,
            lock,
            passphrase,
            &options,
        )
        .await
    }
}

fn typed(text: &str) -> Passphrase {
    Passphrase::new(text.into())
}

/// Spec 10.2.
#[test]
fn an_account_is_held_until_it_is_closed() {
    run(async |it| {
        let account = it.create_from(LINK).await.unwrap();
        assert!(matches!(it.account.try_lock(), Err(HomeError::Busy(_))));
        account.close(SETTLE_WITHIN).await;
        it.account.try_lock().unwrap();
    });
}

#[test]
fn whoever_waits_for_an_account_gets_it() {
    run(async |it| {
        let account = it.create_from(LINK).await.unwrap();
        let mut told = false;
        let patience = Duration::from_millis(300);
        let busy = lock(&it.runtime, &it.account, patience, || told = true).await;
        assert!(matches!(busy, Err(HomeError::Busy(_))));
        assert!(told);
        account.close(SETTLE_WITHIN).await;
        lock(&it.runtime, &it.account, patience, || {})
            .await
            .unwrap();
    });
}

#[test]
fn an_account_is_opened_again_by_its_passphrase_alone() {
    run(async |it| {
        let account = it.create_from(LINK).await.unwrap();
        account.close(SETTLE_WITHIN).await;
        let wrong = it.open_with("the password").await.unwrap_err();
        assert_eq!(
            wrong,
            OpenError::Keystore(keystore_file::KeystoreFileError::WrongPassphrase)
        );
        let account = it.open_with("the passphrase").await.unwrap();
        let me = account.with(|client, _| client.me()).await.unwrap();
        assert_eq!(me.username, "alice");
        account.close(SETTLE_WITHIN).await;
        let again = it.create_from(LINK).await.unwrap_err();
        assert_eq!(again, OpenError::AlreadyHere(it.account.name()));
    });
}

/// Spec 10.3: a crash while an account is made leaves no account, and nothing in the way.
#[test]
fn an_account_that_was_made_by_half_is_made_anew() {
    run(async |it| {
        let account = it.create_from(LINK).await.unwrap();
        account.close(SETTLE_WITHIN).await;
        fs::remove_file(it.account.store_file().with_file_name("account.json")).unwrap();
        assert!(!it.account.exists());
        let account = it.create_from(LINK).await.unwrap();
        account.close(SETTLE_WITHIN).await;
        assert!(it.account.exists());
    });
}

/// Spec 10.12.
#[test]
fn a_way_without_tls_needs_consent_once() {
    run(async |mut it| {
        let server = "http://192.0.2.1:8080".parse().unwrap();
        it.account = it.home.account(&server, "alice");
        let link = "http://192.0.2.1:8080/invite/token";
        let refused = it.create_from(link).await.unwrap_err();
        assert_eq!(refused, OpenError::NeedsConsent(server.origin()));
        assert!(!it.account.exists());
        it.home.allow_insecure(&server).unwrap();
        let account = it.create_from(link).await.unwrap();
        account.close(SETTLE_WITHIN).await;
    });
}
