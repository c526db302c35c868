//! The examples do what they say.

#[path = "../examples/two_people.rs"]
#[expect(dead_code, reason = "main prints what the test looks at")]
mod two_people;

#[test]
fn two_people_read_each_other() {
    assert_eq!(
        two_people::conversation(),
        ["anna: read this when you are here"]
    );
}
