# F15: workers are killed, the configuration is read again, the shared zone
# gets another size, nginx is replaced while it runs; both gateways have the
# same name.  Each epoch has an end, of its own or by a successor.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

my %fault = (name => 'F15', nodes => ['gateway', 'gateway'], lost => 1,
    daemon => 1,
    log => [qr/exited on signal 9/, qr/open socket #\d+ left in connection/],
    http => sub { 'dmp_zone ' . ($_[0]{zone} // '8m') . ';' });

my $rig = DMP::Faults->new(%fault)->start;
my $killed = 0;

for my $time (1 .. DMP::Faults::times_of(2, 10)) {
    for (1 .. 3) {
        $rig->load(40 + int rand 100);
        $rig->kill_worker($_ & 1);
        $killed++;
    }

    $rig->recovered("after workers were killed, $time");

    # all at once, so that nobody is left who could end their epochs
    $rig->load(50);
    kill 'KILL', my @pids = $rig->worker_pids(1);
    $killed += @pids;
    $rig->recovered("after all workers were killed, $time");

    $rig->load(50);
    $rig->reload($_) for 0, 1;
    $rig->recovered("after reloading, $time");

    $rig->{zone} = $time & 1 ? '16m' : '8m';
    $rig->configure($_) for 0, 1;
    $rig->load(50);
    $rig->reload($_) for 0, 1;
    $rig->recovered("with a zone of another size, $time");

    $rig->load(50);
    $rig->upgrade($time & 1);
    $rig->recovered("after an upgrade, $time");
}

my $result = $rig->finish;

cmp_ok $result->{by_successor}, '>=', $killed,
    'who was killed had its epoch ended by a successor';
DMP::Faults::held($result, 'workers');

$rig = DMP::Faults->new(%fault, safety => 'successor',
    unsafe => 'successor')->start;

for (1 .. 3) {
    $rig->load(50);
    $rig->kill_worker($_ & 1);
}

$rig->recovered;
DMP::Faults::missed($rig->finish, 'workers', 'ends');

DMP::Faults::done();
