# F20: the clock of a gateway steps twenty minutes and an hour forth and back,
# then that of the store.  Deadlines do not depend on it, stream ids never go
# back, and nobody signs on in a time that is not that of his epoch.
#
# An hour before now no card of the tests is valid yet: a gateway with such a
# clock refuses them all, with 401, or nginx does on a new connection, with 400;
# which is right.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

use constant {
    HOUR => 3600,
    MINUTES => 1200,                     # within the life of an epoch
};

sub play
{
    my ($whose, $steps, %o) = @_;

    my $rig = DMP::Faults->new(name => 'F20', clocks => 1,
        answers => { 400 => 1, 401 => 1 }, %o)->start;

    for my $seconds (@$steps) {
        $rig->load(200);
        $rig->move_clock($whose, $seconds);
        $rig->load(300);
        $rig->recovered("after the clock of $whose is $seconds s from ours")
            if !$rig->{unsafe} && $seconds >= 0;
    }

    return $rig->finish(any_time => 1);
}


my @steps = (MINUTES, 0, HOUR, 0, -HOUR(), 0) x DMP::Faults::times_of(1, 5);

DMP::Faults::held(play('gateway0', \@steps), 'clock of a gateway');
DMP::Faults::held(play('gateway0', [MINUTES]), 'clock of a gateway, at the end');
DMP::Faults::held(play('store', \@steps), 'clock of the store');

# a writer that goes on where it can sign nothing any more
DMP::Faults::missed(play('gateway0', [MINUTES], safety => 'silent',
    unsafe => 'silent'), 'clock of a gateway', qw(I3 ends));

DMP::Faults::done();
