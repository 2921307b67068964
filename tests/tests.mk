# Test programs. A unit test tests/unit/x_test.c links what UNIT_x names and cmocka; each closes with
# cmocka's own line. Included by the Makefile.
TEST_LIBS := -lcmocka

UNIT :=
