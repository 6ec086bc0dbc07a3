# F1: the store is killed under load and started again, many times.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use Test::More;

my %fault = (name => 'F1');

my $rig = DMP::Faults->new(%fault)->start;

for my $time (1 .. DMP::Faults::times_of(5, 20)) {
    $rig->load(40 + int rand 300);
    $rig->kill_store;
    $rig->start_store;
    $rig->recovered("after the kill $time");
}

DMP::Faults::held($rig->finish, 'the store killed');

# without it: a request goes on before its entry is acknowledged
$rig = DMP::Faults->new(%fault, safety => 'trace-first',
    unsafe => 'trace-first')->start;

for my $time (1 .. 5) {
    $rig->load(40 + int rand 200);
    $rig->kill_store;
    $rig->start_store;
    $rig->recovered("after the kill $time");
}

DMP::Faults::missed($rig->finish, 'the store killed', qw(I1 I4));

DMP::Faults::done();
