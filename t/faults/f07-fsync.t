# F7: fsync() fails, or takes long: the store ends rather than acknowledge what
# may not be there; one that is slow costs time only.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

my $rig = DMP::Faults->new(name => 'F7', shim => 1)->start;

for my $time (1 .. DMP::Faults::times_of(1, 10)) {
    for my $error ('eio', 'enospc') {
        $rig->load(150 + int rand 100);
        $rig->shim_do($error);
        $rig->store_ends;
        pass "$error: the store has ended, $time";

        # what it did not save may not be there after all
        $rig->cut_to_synced;
        $rig->shim_do('');
        $rig->start_store;
        $rig->recovered("after $error, $time");
    }

    my $pid = $rig->{store_pid};

    $rig->shim_do('slow 500');
    $rig->load(200);
    $rig->shim_do('');
    $rig->recovered("after a slow disk, $time");
    is $rig->{store_pid}, $pid, "slow: the store has not ended, $time";
    ok DMP::Proc::alive($pid), "slow: it is alive, $time";
}

DMP::Faults::held($rig->finish, 'fsync fails');

$rig = DMP::Faults->new(name => 'F7', safety => 'appendfsync always', shim => 1,
    durability => 'memory', store => { appendfsync => 'everysec' })->start;

$rig->load(200);
$rig->shim_do('eio');
DMP::Proc::wait_for {
    $rig->call('INFO', 'persistence') =~ /^aof_last_write_status:err/m;
} 'an fsync() that failed';
$rig->kill_store;
$rig->cut_to_synced;
$rig->shim_do('');
$rig->start_store;
DMP::Faults::missed($rig->finish, 'fsync fails', 'I1');

DMP::Faults::done();
