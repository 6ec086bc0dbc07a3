# F6: the store's disk is full: the store ends rather than acknowledge what it
# cannot write, and comes back when there is room.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

DMP::Faults::need_root();

# The rest of the file system, to its last byte.
sub fill
{
    my ($rig) = @_;

    my $file = $rig->store_folder . '/filler';

    open my $out, '>:raw', $file or die "$file: $!\n";

    for my $size (1 << 16, 1 << 12, 1 << 8, 1) {
        while (syswrite $out, "\0" x $size) {
            # until there is no room
        }
    }

    close $out;
}


sub empty { unlink $_[0]->store_folder . '/filler' or die "filler: $!\n" }


my $rig = DMP::Faults->new(name => 'F6', disk => '48m')->start;
my $size = 48;

for my $time (1 .. DMP::Faults::times_of(2, 10)) {
    $rig->load(200);
    fill($rig);
    $rig->store_ends;
    pass "the store has ended, $time";
    $rig->load(100);                     # refused
    $size += 48;
    $rig->disk('remount', "size=${size}m");
    $rig->start_store;
    $rig->recovered("with more room, $time");
    empty($rig);
}

DMP::Faults::held($rig->finish, 'disk full');

# without "always" the store lives on, and what it acknowledged meanwhile dies
# with it
$rig = DMP::Faults->new(name => 'F6', safety => 'appendfsync always',
    disk => '48m', durability => 'memory',
    store => { appendfsync => 'everysec' })->start;

$rig->load(200);
fill($rig);
DMP::Proc::wait_for {
    $rig->call('INFO', 'persistence') =~ /^aof_last_write_status:err/m;
} 'a write that failed';
$rig->kill_store;
empty($rig);
$rig->start_store;
DMP::Faults::missed($rig->finish, 'disk full', 'I1');

DMP::Faults::done();
