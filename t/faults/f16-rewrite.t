# F16: the store writes its log of commands anew, with much in it and under
# load, and the power fails in the middle of that.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

use constant PIECE => 5000;

# So many entries of a kilobyte, in a stream that is nobody's.
sub fill
{
    my ($rig, $entries) = @_;

    for (1 .. $entries / PIECE) {
        $rig->call('EVAL', 'for i = 1, ' . PIECE . ' do redis.call("XADD", '
            . 'KEYS[1], "*", "b", ARGV[1] .. i) end', 1, 'filler', 'x' x 1000);
    }
}


sub rewrites
{
    return $_[0]->call('INFO', 'persistence')
        =~ /^aof_rewrite_in_progress:1/m;
}


sub rewrite
{
    my ($rig) = @_;

    $rig->call('BGREWRITEAOF');
    DMP::Proc::wait_for { rewrites($rig) } 'a rewrite that has begun';
}


my $entries = DMP::Faults::times_of(100_000, 1_000_000);
my $rig = DMP::Faults->new(name => 'F16', shim => 1)->start;

fill($rig, $entries);

# to its end
rewrite($rig);
$rig->load(100);
DMP::Proc::wait_for { !rewrites($rig) } 'the end of a rewrite', 300;
$rig->recovered('after a rewrite');

# in its middle
for my $time (1 .. DMP::Faults::times_of(2, 10)) {
    rewrite($rig);
    $rig->load(20 + int rand 100);
    $rig->kill_store;
    $rig->cut_to_synced;
    $rig->start_store;
    $rig->recovered("after a rewrite that was not ended, $time");
}

DMP::Faults::held($rig->finish, 'rewrite');

$rig = DMP::Faults->new(name => 'F16', shim => 1, durability => 'memory',
    safety => 'no-appendfsync-on-rewrite no',
    store => { 'no-appendfsync-on-rewrite' => 'yes' })->start;

fill($rig, $entries);
rewrite($rig);
$rig->load(100);
ok rewrites($rig), 'it has not ended';
$rig->kill_store;
cmp_ok $rig->cut_to_synced, '>', 0, 'the log was ahead of the disk';
$rig->start_store;
DMP::Faults::missed($rig->finish, 'rewrite', 'I1');

DMP::Faults::done();
