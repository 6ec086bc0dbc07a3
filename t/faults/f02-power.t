# F2: the power of the store's host fails.  What a completed fsync() covers is
# kept, and nothing else: nothing that was acknowledged may be lost.  With
# "appendfsync everysec" it is, and the rig must find that.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

sub power_failure
{
    my ($rig) = @_;

    $rig->kill_store;
    my $lost = $rig->cut_to_synced;
    $rig->start_store;

    return $lost;
}


my $rig = DMP::Faults->new(name => 'F2', shim => 1)->start;

for my $time (1 .. DMP::Faults::times_of(6, 30)) {
    $rig->load(40 + int rand 300);
    power_failure($rig);
    $rig->recovered("after the power failure $time");
}

DMP::Faults::held($rig->finish, 'power failure');

$rig = DMP::Faults->new(name => 'F2', safety => 'appendfsync always', shim => 1,
    durability => 'memory', store => { appendfsync => 'everysec' })->start;

my $lost = 0;

# a second's commits are at stake each time; the gateways may stay closed then
for (1 .. 5) {
    $rig->load(400);
    last if $lost = power_failure($rig);
}

cmp_ok $lost, '>', 0, 'the log of commands was ahead of the disk';
DMP::Faults::missed($rig->finish, 'power failure', 'I1');

DMP::Faults::done();
