# F13: while the store restarts, its files are replaced by older ones, with
# consents that were withdrawn since.  The gateways stay, see it at their next
# request and close; nothing is let through on the old consents until an
# operator has looked at it, and the loss is named ever after.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use DMP::Proc qw(wait_for);
use Test::More;

# Kills the store while nobody may read, and gives it files of a time when the
# reader might.
sub go_back
{
    my ($rig) = @_;

    my $old = "$rig->{folder}/old";

    wait_for { !$rig->now->{forbidden} } 'a time when reading is allowed', 60;
    $rig->grows('reads', 60, served => 20);
    $rig->copy_files($old);
    $rig->grows('changes', 60, boundaries => 2);

    for my $try (1 .. 50) {
        wait_for { $rig->now->{forbidden} } 'rights that were taken', 60;
        $rig->kill_store;
        $rig->load(100);                 # nothing more is acknowledged

        last if $rig->now->{forbidden};

        $rig->start_store;
        $rig->recovered;
    }

    ok $rig->now->{forbidden}, 'nobody may read';

    $rig->remember;
    $rig->put_files($old);
    $rig->start_store;
}


my $rig = DMP::Faults->new(name => 'F13', tool => 0)->start;

go_back($rig);
my $before = $rig->fresh;

wait_for { @{ $rig->call('SMEMBERS', 'dmp:closed') } } 'a closed bucket', 60;
$rig->load(500);
my $now = $rig->fresh;

is $now->{forwarded}, $before->{forwarded}, 'nothing was let through meanwhile';
is $now->{late_forwards} + $now->{late_answers}, 0, 'nor answered';

# a new worker finds it closed
$rig->reload(0);
$rig->load(200);
is $rig->fresh->{forwarded}, $before->{forwarded}, 'nor by a new worker';

my ($code, $said) = DMP::FaultsCheck::run_dmpctl('audit', 'verify', '--redis',
    $rig->store_address, '--audit-public-key', DMP::keys() . '/audit.pub');
is $code, 1, 'the loss is found';
note $said;

my $keys = DMP::keys();
($code, $said) = DMP::FaultsCheck::run_dmpctl('audit', 'recover', '--redis',
    $rig->store_address, '--audit-key', "$keys/audit.key", '--node', 'ops',
    '--all', '--confirm');
is $code, 0, 'an operator reopens it' or diag $said;
note $said;

my $since = DMP::Faults::monotonic();

$rig->recovered('by the operator');

# the operator let the old consents come back: what was taken then is no longer
my $result = $rig->finish(since => $since, exit => 1,
    verify_again => ['--since-recovery']);
DMP::Faults::held($result, 'old files', I2 => 1, F22 => 1);
is $result->{exit}, 1, 'the loss is named';
like $result->{verify}, qr/bucket|writer/, 'with its place';
cmp_ok $result->{lost}, '>', 0, 'something was lost';
is $result->{again}, 0, 'and since the recovery nothing is wrong'
    or diag $result->{again_said};

# The same, and nobody looks whether the store went back.  Once more where the
# rights were given anew before anybody had read by the old ones.
for my $try (1 .. 3) {
    $rig = DMP::Faults->new(name => 'F13', safety => 'fork', unsafe => 'fork',
        tool => 0)->start;

    go_back($rig);
    $rig->load(500);
    $result = $rig->finish(no_verify => 1);
    last if $result->{broken}{I2};
}

DMP::Faults::missed($result, 'old files', 'I2');

DMP::Faults::done();
