# F17: a storm of changes on a record that is being read: each makes what the
# gateways have cached stale.  Then their connections are killed, again and
# again.

use strict;
use warnings;

use lib 't/lib';
use DMP::Faults;
use IO::Socket::SSL;
use Test::More;

use constant {
    STORMERS => 16,
    OTHER => '899700314422',             # petit, who never reads here
};

# One connection after the other, that blocks and unblocks somebody; it leaves
# a byte in its file for each change that was acknowledged.
sub storm
{
    my ($rig, $n) = @_;

    my $pki = DMP::pki();
    my $file = "$rig->{folder}/storm$n";
    my $blocked = 0;

    open my $out, '>>', $file or die "$file: $!\n";
    $out->autoflush(1);

    for (;;) {
        my $socket = IO::Socket::SSL->new(
            PeerAddr => "127.0.0.1:$rig->{ports}[$n & 1]",
            SSL_hostname => 'localhost', SSL_verifycn_name => 'localhost',
            SSL_ca_file => "$pki/server-ca.pem",
            SSL_cert_file => "$pki/leroy.pem",
            SSL_key_file => "$pki/leroy.key") or next;

        for (;;) {
            my $method = $blocked ? 'DELETE' : 'PUT';

            print $socket "$method /api/records/" . DMP::Faults::INS
                . '/blocks/' . OTHER . " HTTP/1.1\r\nHost: localhost\r\n"
                . "Content-Length: 0\r\n\r\n";

            my $head = '';

            while ($head !~ /\r\n\r\n/) {
                sysread $socket, $head, 4096, length $head or last;
            }

            my ($status) = $head =~ m{^HTTP/1.1 (\d+)} or last;
            my ($length) = $head =~ /^Content-Length: (\d+)/mi;
            my $left = ($length // 0) - length $head =~ s/.*?\r\n\r\n//sr;

            while ($left > 0) {
                $left -= sysread($socket, my $rest, $left) || last;
            }

            if ($status =~ /^2/) {
                print $out '.';
                $blocked = !$blocked;
            }
        }
    }
}


sub count
{
    my ($rig) = @_;

    my $n = 0;
    $n += -s "$rig->{folder}/storm$_" // 0 for 0 .. STORMERS - 1;

    return $n;
}


# So many changes; then fewer, while all connections to the store are killed
# again and again.
sub play
{
    my ($rig, $changes, $kills) = @_;

    $rig->start;
    $rig->load(100);

    my @pids = map {
        my $n = $_;
        DMP::Proc::start("storm $n", "$rig->{folder}/logs/storm.out",
            sub { storm($rig, $n) });
    } 0 .. STORMERS - 1;

    my $begun = DMP::Faults::monotonic();

    DMP::Proc::wait_for { count($rig) >= $changes } 'changes', 300;

    my $seconds = (DMP::Faults::monotonic() - $begun) / 1e9;

    note sprintf '%u changes in %.1f s, %.0f/s', count($rig), $seconds,
        count($rig) / $seconds;

    for (1 .. $kills) {
        my $from = count($rig);

        $rig->call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
        DMP::Proc::wait_for { count($rig) >= $from + 50 } 'changes', 120;
    }

    DMP::Proc::stop($_) for @pids;
    $rig->recovered('after the storm') if !$rig->{unsafe};

    return $rig->finish;
}


my %fault = (name => 'F17', deadline => 30, slow => 20, large => 0,
    tool => 0);

my $result = play(DMP::Faults->new(%fault),
    DMP::Faults::times_of(1500, 30000), DMP::Faults::times_of(4, 40));

cmp_ok $result->{kinds}{change}, '>=', 1500, 'a storm';
DMP::Faults::held($result, 'storm of changes');

# what is cached is believed
$result = play(DMP::Faults->new(%fault, safety => 'version',
    unsafe => 'version'), 400, 0);
DMP::Faults::missed($result, 'storm of changes', qw(I1 I2 F22));

DMP::Faults::done();
