"""The tests of git exp: real repositories, no mocks but the clock."""
