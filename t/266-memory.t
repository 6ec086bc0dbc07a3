# What a gateway remembers beside the store: heads of workers that have ended,
# over reloads, and how often buckets were reopened.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA ();

use DMP;
use DMP::Index ();
use DMP::Net;
use FakeHost;
use Test::More;

our @Ins = qw(285037512000151 172066912304538 291113306311296);

sub asked { "/fhir/DocumentReference?patient.identifier=urn:oid:1.2.250.1.213.1.4.8%7C$_[0]" }
sub search { my ($ins, @more) = @_; return request(get => asked($ins), as => 'morel', @more) }

sub served
{
    my ($ins) = @_;

    wait_for { search($ins)->{status} == 200 } 'a request that is served', 20;
    pass('served');
}

our $Store = DMP::Net::Store->new->prepare(map { { ins => $_, status => 'open',
    opened_at => '2026-01-05T09:00:00Z', authorisations => { 899700218896 =>
        { since => '2020-01-01', until => '2096-01-01' } } } } @Ins);
our $Empty = '{"resourceType":"Bundle","type":"searchset","entry":[]}';
our $Host = FakeHost->new(default => sub { return FakeHost::json($Empty) });

DMP::configure(redis => $Store->address, backend => $Host->{address});


sub renew_all
{
    my %old = map { $_ => 1 } worker_pids();

    reload();
    wait_for { !grep { $old{$_} } worker_pids() } 'the end of the old worker', 20;
}


# The store's files, and the store on them.
sub copy { DMP::command('cp', '-a', "$Store->{dir}/appendonlydir", $_[0]) }

sub back
{
    $Store->stop('KILL');
    DMP::command('rm', '-rf', "$Store->{dir}/appendonlydir");
    DMP::command('cp', '-a', $_[0], "$Store->{dir}/appendonlydir");
    $Store->start;
}


sub closed { return { map { $_ => 1 } @{ $Store->call('SMEMBERS', 'dmp:closed') } } }
sub bucket { unpack('C', Digest::SHA::sha256(DMP::Index::pseudonym($_[0]))) % 64 }

sub recover
{
    return DMP::dmpctl('audit', 'recover', '--all', '--confirm', '--redis',
        $Store->address, '--audit-key', DMP::keys() . '/audit.key', '--node', 'ops');
}

DMP::run();

__DATA__

=== TEST 1: what only a worker had written that has ended since
--- code
my $old = DMP::Proc::dir() . '/old';
served($_) for @Ins;
copy($old);
my $r = search($Ins[1]);
is($r->{status}, 200, 'a read that will be lost');
my $id = $r->{headers}{'dmp-trace-id'};
renew_all();
served($Ins[0]);
back($old);
wait_for { closed()->{ bucket($Ins[1]) } } 'its bucket to be closed', 20;
is(search($Ins[1])->{status}, 503, 'nobody is served by a record that went back');
ok(!(grep { $_->{body}{trace} eq $id } $Store->entries(undef, qr/^access$/)),
    'though its trace is lost');
recover();
served($_) for @Ins;
--- error_log
dmp store went back or forked: bucket \d+ is closed
dmp store is unavailable



=== TEST 2: a store from before a recovery, and one recovery of that
--- code
my $old = DMP::Proc::dir() . '/old';
back($old);
wait_for { closed()->{ bucket($Ins[1]) } } 'its bucket to be closed', 20;
recover();
served($_) for @Ins;
is_deeply(closed(), {}, 'one recovery is enough');
--- error_log
dmp store went back or forked: bucket \d+ is closed
dmp store is unavailable
