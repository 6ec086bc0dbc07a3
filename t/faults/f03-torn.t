# F3: the power fails in the middle of a write: the last record of the log of
# commands is there in part.  The store loads, and nothing acknowledged is lost.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Proc qw(slurp);
use Test::More;

# After a power failure, the first bytes of one more record, as the store
# writes it.
sub tear
{
    my ($rig, $bytes) = @_;

    $rig->cut_to_synced;

    my $file = ($rig->log_files)[-1];
    my $log = slurp($file);
    my $at = rindex $log, "*1\r\n\$5\r\nMULTI\r\n";

    die "no record in $file\n" if $at < 0;

    my $record = substr $log, $at;
    my $end = index $record, "\$4\r\nEXEC\r\n";

    die "a record without an end in $file\n" if $end < $bytes;

    open my $out, '>>:raw', $file or die "$file: $!\n";
    print $out substr $record, 0, $bytes;
    close $out or die "$file: $!\n";
}


my @bytes = DMP::Faults::long() ? 1 .. 200
    : (1, 2, 5, 14, 15, 16, 40, 100, 200, 1 + int rand 200);

my $rig = DMP::Faults->new(name => 'F3', shim => 1)->start;

for my $bytes (@bytes) {
    $rig->load(20 + int rand 60);
    $rig->kill_store;
    tear($rig, $bytes);
    $rig->start_store;
    $rig->recovered("after $bytes bytes of a record");
}

like slurp("$rig->{folder}/logs/store.log"), qr/Truncating the AOF/i,
    'the store has cut it off';
DMP::Faults::held($rig->finish, 'torn record');

# a store that does not load what was torn stays away
$rig = DMP::Faults->new(name => 'F3', safety => 'aof-load-truncated yes',
    shim => 1, store => { 'aof-load-truncated' => 'no' })->start;

$rig->load(100);
$rig->kill_store;
tear($rig, 100);

if (!eval { $rig->start_store; 1 }) {
    push @{ $rig->{broken} }, "I5: $@";
}

$rig->{store}{'aof-load-truncated'} = 'yes';
DMP::Faults::missed($rig->finish, 'torn record', 'I5');

DMP::Faults::done();
