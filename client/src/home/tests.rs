use super::*;

fn server(url: &str) -> ServerUrl {
    url.parse().unwrap()
}

fn home() -> (tempfile::TempDir, Home) {
    let dir = tempfile::tempdir().unwrap();
    let home = Home::open(Some(dir.path().join("home"))).unwrap();
    (dir, home)
}

fn make(home: &Home, url: &str, username: &str) -> AccountDir {
    let account = home.account(&server(url), username);
    let lock = account.try_lock().unwrap();
    account.describe(&lock).unwrap();
    account
}

#[test]
fn an_empty_home_says_that_it_has_no_account() {
    let (_dir, home) = home();
    assert_eq!(home.choose(None).unwrap_err(), HomeError::NoAccount);
    assert_eq!(
        home.choose(Some("alice")).unwrap_err(),
        HomeError::NotHere("alice".into())
    );
}

#[test]
fn an_account_is_found_again_with_its_server_and_name() {
    let (_dir, home) = home();
    let made = make(&home, "https://chat.example.org", "alice");
    assert_eq!(home.choose(None).unwrap(), made);
    assert_eq!(made.server(), "https://chat.example.org/");
    assert_eq!(made.username(), "alice");
    assert_eq!(made.name(), "alice@chat.example.org_443");
}

#[test]
fn of_several_accounts_one_is_named_or_preferred() {
    let (_dir, home) = home();
    let alice = make(&home, "https://a.example", "alice");
    let bob = make(&home, "https://b.example", "bob");
    assert!(matches!(home.choose(None), Err(HomeError::WhichAccount(names)) if names.len() == 2));
    assert_eq!(home.choose(Some("bob")).unwrap(), bob);
    assert_eq!(home.choose(Some(&alice.name())).unwrap(), alice);
    home.prefer(&alice).unwrap();
    assert_eq!(home.choose(None).unwrap(), alice);
}

#[test]
fn an_account_is_the_same_however_its_name_is_written() {
    let (_dir, home) = home();
    let server = server("https://a.example");
    assert_eq!(home.account(&server, " Bob"), home.account(&server, "bob"));
}

#[test]
fn no_two_accounts_share_a_folder() {
    let (_dir, home) = home();
    let paths = [
        home.account(&server("https://a.example"), "bob"),
        home.account(&server("https://a.example:8443"), "bob"),
        home.account(&server("https://a.example/team"), "bob"),
        home.account(&server("https://a.example"), "b b"),
        home.account(&server("https://a.example"), "bob_"),
        home.account(&server("https://a.example"), "../bob"),
    ]
    .map(|account| account.path);
    for (index, path) in paths.iter().enumerate() {
        assert!(!paths[..index].contains(path), "{}", path.display());
        assert_eq!(path.parent(), Some(home.accounts_folder().as_path()));
    }
}

/// Spec 10.2.
#[test]
fn a_second_user_of_an_account_is_told_that_it_is_busy() {
    let (_dir, home) = home();
    let account = make(&home, "https://a.example", "bob");
    let lock = account.try_lock().unwrap();
    assert_eq!(
        account.try_lock().unwrap_err(),
        HomeError::Busy(account.name())
    );
    drop(lock);
    account.try_lock().unwrap();
}

#[test]
fn a_damaged_description_is_named() {
    let (_dir, home) = home();
    let account = make(&home, "https://a.example", "bob");
    fs::write(account.description_file(), b"{\"server\":").unwrap();
    assert_eq!(
        home.accounts().unwrap_err(),
        HomeError::Damaged(account.description_file())
    );
}

#[test]
fn a_removed_account_is_gone() {
    let (_dir, home) = home();
    let account = make(&home, "https://a.example", "bob");
    let lock = account.try_lock().unwrap();
    account.remove(&lock).unwrap();
    assert!(!account.exists());
    assert_eq!(home.accounts().unwrap(), []);
}

#[test]
fn consent_to_plain_http_is_remembered_for_one_server() {
    let (_dir, home) = home();
    let here = server("http://chat.example:8080");
    assert!(!home.allows_insecure(&here));
    home.allow_insecure(&here).unwrap();
    assert!(home.allows_insecure(&here));
    assert!(!home.allows_insecure(&server("http://chat.example:8081")));
}

/// Spec 10.4. Every thread opens the files by itself, as another process does.
#[test]
fn what_is_remembered_at_the_same_time_is_all_remembered() {
    let (_dir, home) = home();
    let account = make(&home, "https://a.example", "alice");
    let servers: Vec<_> = (1..=32)
        .map(|port| server(&format!("http://chat.example:{port}")))
        .collect();
    let remember = &|servers: &[ServerUrl]| {
        for server in servers {
            home.allow_insecure(server).unwrap();
            home.prefer(&account).unwrap();
        }
    };
    std::thread::scope(|scope| {
        for some in servers.chunks(4) {
            scope.spawn(move || remember(some));
        }
    });
    assert!(servers.iter().all(|server| home.allows_insecure(server)));
    let mut files: Vec<_> = fs::read_dir(home.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    files.sort();
    assert_eq!(files, ["accounts", "insecure-http", "lock", "preferred"]);
}
