# F22: reads and changes of a record are as if each happened at once, in the
# store's order, while the store fails in several ways.  Whether they are is
# checked after every fault of this folder; here all changes are made through
# gateways, so that it is known which entry is whose.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

sub play
{
    my ($rig, $times) = @_;

    $rig->start;

    for my $time (1 .. $times) {
        $rig->grows('changes', 60, changes => 20);
        $rig->kill_store;
        $rig->start_store;
        $rig->recovered("after a kill, $time");
        $rig->signal_store('STOP');
        $rig->lasts(0.3);
        $rig->signal_store('CONT');
        $rig->recovered("after a stop, $time");
    }

    return $rig->finish;
}


my %fault = (name => 'F22', tool => 0, deadline => 100, pause => 2);
my $result = play(DMP::Faults->new(%fault), DMP::Faults::times_of(2, 10));

cmp_ok $result->{linear}, '>', 2000, 'many operations';
cmp_ok $result->{late_refusals}, '>', 0, 'some were refused late';
DMP::Faults::held($result, 'linearizable');

$result = play(DMP::Faults->new(%fault, safety => 'version',
    unsafe => 'version'), 1);
DMP::Faults::missed($result, 'linearizable', 'F22');

DMP::Faults::done();
