# F21: the verifier itself, on traces that were changed in each way at each
# place: a unit test, played here so that it stands in the table.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Proc qw(root slurp);
use Test::More;

my $program = root() . '/build/unit/test_verify_mutants';
my $log = DMP::Proc::dir() . '/mutants';

ok -x $program, 'it was built' or diag "make $program";

local $ENV{CMOCKA_MESSAGE_OUTPUT} = 'TAP';

my $pid = DMP::Proc::start('the mutants', $log, $program);
waitpid $pid, 0;
my $code = $?;

is $code, 0, 'each mutant is told from the trace that is whole'
    or diag slurp($log);

DMP::Faults::record({ fault => 'F21', safety => '', broken => { I3 => $code == 0 ? [] : ['mutants'] } }, 'mutants of a trace');

DMP::Faults::done();
