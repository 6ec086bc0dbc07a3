# The race (t/race, t/lib/DMP/Race.pm): once a change that takes rights away is
# acknowledged, no first byte of an answer that was decided before it leaves,
# and no request is let through.  And each safety that makes it so is missed
# when it is off: a race that could not be lost would prove nothing.
#
# Nothing here asserts a time.  The reads are bounded; so are the seconds, for
# a machine that is stuck.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Proc ();
use DMP::Race;
use Test::More;

# How each safety is made to matter.  Those of the clock are answers that take
# long to be judged, and that end just before the deadline; that of the
# deadline, a store whose answers come late to one gateway.
my %late_store = (relay => 20);
my %long_judging = (aim => 1, large => 60, slow => 400, entries => 9500,
    judging => 30, deadline => 80, twice => 0, tool => 0);

my @profiles = (
    'version' => {},
    'recheck' => { slow => 300 },
    'hold' => { slow => 300 },
    'hold-repeated' => { slow => 300, twice => 1000 },
    'deadline' => \%late_store,
    'clock' => \%long_judging,
);


# Nothing may have left late, and the logs must bear each other out.
sub held
{
    my ($result, $name) = @_;

    my $c = $result->{counts};

    is($c->{late_answers}, 0, "$name: no answer left after an acknowledgement");
    is($c->{late_forwards}, 0, "$name: no request was let through after one");
    is($c->{unexpected}, 0, "$name: each answer is one of those documented");
    is_deeply($result->{faults}, [],
        "$name: clients, record host and trace agree, and it proves whole");
}


my $result = DMP::Race::run(reads => 20000);
my $c = $result->{counts};

held($result, 'the race');
cmp_ok($c->{reads}, '>=', 20000, 'as many reads as were asked for');
cmp_ok($c->{served}, '>=', 4000, 'many of them were served');
is($result->{writers}, 8, 'by each worker of both gateways');
cmp_ok($c->{$_}, '>', 0, "$_: some were")
    for qw(refused served_slow served_large repeated held);
cmp_ok($c->{boundaries}, '>=', 8, 'rights were taken again and again');
cmp_ok($c->{pending_refused}, '>=', 50,
    'reads that were let through before were refused after');
note(DMP::Race::report($result));

$result = DMP::Race::run(reads => 10000, patient => 1);
held($result, 'the patient blocks, signed in');
cmp_ok($result->{counts}{boundaries}, '>=', 4, 'again and again');

$result = DMP::Race::run(reads => 6000, unsafe => 'none', %late_store);
held($result, 'a store that answers late');
cmp_ok($result->{counts}{unavailable}, '>', 0,
    'what it says late is not heard');

$result = DMP::Race::run(reads => 6000, unsafe => 'none', %long_judging);
held($result, 'answers that are judged long');
cmp_ok($result->{counts}{served_large}, '>', 0, 'some of them are served');

while (my ($safety, $profile) = splice @profiles, 0, 2) {
    $result = DMP::Race::run(reads => 60000, first => 1, unsafe => $safety,
        %$profile);

    # whichever comes first ends the run
    my ($answers, $forwards) = @{ $result->{counts} }{qw(late_answers late_forwards)};

    cmp_ok($answers + $forwards, '>', 0, "without \"$safety\" it is lost")
        or note(DMP::Race::report($result));
    cmp_ok($result->{counts}{reads}, '<', 60000, '... before its end');
    cmp_ok(scalar @{ $result->{faults} }, '>', 0, '... as the logs say, too')
        if $safety eq 'version';
}

if (!Test::More->builder->is_passing) {
    DMP::Proc::keep();
    diag('left to look at: ' . DMP::Proc::dir());
}

done_testing();
