# Bodies that come slowly: a form, and a change of rights.  What is decided is
# what is so when the body is whole: cards may have been revoked while it came,
# and the directory may say something else.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Connection;
use Emergency qw(gateway centre record grant flags id_of);
use FakeRedis;
use JSON::PP;
use Test::More;

our $Pki = DMP::Pki->copy->share;

our ($Ins, $System) = ('285037512000151', 'urn:oid:1.2.250.1.213.1.4.8');
our $Form = "patient.identifier=$System|$Ins";
our $Adeli = '0751234567';
our $Record = "/api/records/$Ins";

# what the gateway asks the directory for tells how far a request has come
our $Fake = FakeRedis->new(redis_address());

DMP::initialise_store();

# one path for all, and the one of the centres
add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config => gateway(redis => $Fake->address,
        server => 'location /api/ { dmp_api; client_max_body_size 0; }'));
});

# Cards that are revoked here; nobody else's.
our ($cards, %Id) = (0);

sub new_card
{
    my $name = 'slow-' . ++$cards;

    $Id{$name} = sprintf '8997014460%02d', $cards;
    $Pki->issue($name, 'personnes', 'cps', ID => $Id{$name}, SN => 'LENT',
        GN => 'ZOE', TITLE => 'Médecin', PROFESSION => 10);

    return $name;
}

sub set_record
{
    my ($who, %more) = @_;

    import_records(record($Ins, authorisations => { $who => {
        since => '2020-01-01', until => '2096-01-01', by => 'patient' } },
        %more));
}

sub asked_of { my ($id) = @_; return scalar grep { /^HMGET dmp:dir:$id / } $Fake->commands }

sub version { (map { redis('HGET', $_, 'v') } @{ redis('KEYS', '{dmp:*}:rec:*') })[0] }

# The two requests: method, path and body.
sub form { return (POST => '/fhir/DocumentReference/_search', $Form,
    'application/x-www-form-urlencoded') }
sub change { return (PUT => "$Record/authorisations/$_[0]",
    '{"consent":true}', 'application/json') }

# Its headers and the first byte of its body; the gateway has established who
# asks, and waits for more of it: a later request has been answered.
sub begun
{
    my ($as, $id, $http, $request, %o) = @_;

    my ($method, $path, $body, $type) = @$request;
    my $c = DMP::Connection->open(as => $as, http => $http,
        ($o{sni} ? (sni => $o{sni}) : ()));
    my @headers = (['content-type', $type], ['content-length', length $body]);
    my $n = asked_of($id);

    if ($http eq '2') {
        my $text = \&DMP::Connection::text;

        $c->write(DMP::Connection::frame(1, 0x4, 1, join '', "\x87",
            "\x02", $text->($method), "\x04", $text->($path), "\x01",
            $text->($c->{host}), map { ("\x00", map { $text->($_) } @$_) }
                @headers)
            . DMP::Connection::frame(0, 0, 1, substr $body, 0, 1));

    } else {
        $c->write(join("\r\n", "$method $path HTTP/1.1", "Host: $c->{host}",
            (map { "$_->[0]: $_->[1]" } @headers), '', '')
            . substr $body, 0, 1);
    }

    $c->{sent}++;
    wait_for { asked_of($id) == $n + 1 } 'who asks to be asked for';
    is(request(as => 'roux', get => "/fhir/Patient?identifier=$System|$Ins")
        ->{status}, 200, 'another request comes and goes');

    return { c => $c, rest => substr($body, 1), asked => $n + 1, id => $id };
}

# The rest of it, and what is answered: "STATUS REASON", and what was traced.
sub ended
{
    my ($slow) = @_;

    my ($c, $mark) = ($slow->{c}, trace_mark());

    is(asked_of($slow->{id}), $slow->{asked}, 'it has come no further');
    $c->write($c->{http} eq '2'
        ? DMP::Connection::frame(0, 1, 1, $slow->{rest}) : $slow->{rest});

    my $r = $c->answer($c->{http} eq '2' ? 1 : 0);
    my $json = eval { JSON::PP->new->utf8->decode($r->{body}) } // {};
    my $reason = $json->{reason} // $json->{issue}[0]{details}{coding}[0]{code};
    my @said = map { join ' ', @{ $_->{body} }{qw(decision rule)} }
        grep { $_->{outcome} ne '0' } trace($mark);

    return join ' ', $r->{status}, $reason // (), @said;
}

sub renew
{
    my $log = -s DMP::error_log();

    reload();
    wait_for { substr(slurp(DMP::error_log()), $log) =~ /gracefully shutting down/ }
        'the old worker to stop', 15;
}

# slow(name, who, id, request, what comes meanwhile, answer, more): over both
# protocols; nothing is forwarded or changed unless it is allowed.
sub slow
{
    my ($name, $as, $id, $request, $meanwhile, $want, %o) = @_;

    for my $http ('1.1', '2') {
        my $before = $o{before} // sub { };
        $before->();

        my $slow = begun($as, $id, $http, $request, %o);
        my ($seen, $version) = (scalar(() = backend()), version());
        $meanwhile->();
        is(ended($slow), $want, "HTTP/$http: $name");
        my $done = $want =~ /^200/ ? 1 : 0;
        is(@{[backend()]} - $seen, $request->[0] eq 'POST' ? $done : 0,
            'what the host received');
        is(version() - $version, $request->[0] eq 'PUT' ? $done : 0,
            'what has changed');
    }
}

DMP::run();

__DATA__

=== TEST 1: nothing has happened: served; who asks was asked for once more
--- code
set_record(id_of('petit'));
my $asked = asked_of(id_of('petit'));
slow('a form', 'petit', id_of('petit'), [form()], sub { }, '200 allow G1');
slow('a change', 'petit', id_of('petit'), [change(id_of('petit'))], sub { },
    '200 allow E1');
is(asked_of(id_of('petit')) - $asked, 10, 'twice for each; and whom a change is about');
verify_trace();
pass('the trace is whole');



=== TEST 2: A2: the card is revoked while the body comes
--- code
for my $request (sub { form() }, sub { change($Id{ $_[0] }) }) {
    for my $http ('1.1', '2') {
        my $card = new_card();
        set_record($Id{$card});
        my ($method, @rest) = $request->($card);
        my $slow = begun($card, $Id{$card}, $http, [$method, @rest]);
        my ($seen, $version) = (scalar(() = backend()), version());
        $Pki->revoke($card);
        $Pki->crl(personnes => {});
        $Pki->crls;
        renew();
        is(ended($slow), '503 trace-unavailable', "HTTP/$http: $method is refused");
        is(scalar(() = backend()), $seen, 'the host received nothing');
        is(version(), $version, 'nothing has changed');
        my $r = request(as => $card, method => $method, path => $rest[0],
            body => $rest[1], headers => ["Content-Type: $rest[2]"], http => $http);
        is($r->{curl} || $r->{status}, 400, 'and again, by the new worker');
    }
}
verify_trace();
pass('the trace is whole');



=== TEST 3: F1: the directory learns of another number of theirs, which is blocked
--- code
set_record(id_of('petit'), blocked => [$Adeli]);
my $petit = id_of('petit');
my @meanwhile = (sub { import_directory({ kind => 'person', ids => [$petit, $Adeli] }) },
    '403 blocked deny F1', before => sub { redis('DEL', map { "dmp:dir:$_" } $petit, $Adeli) });
slow('a form', 'petit', $petit, [form()], @meanwhile);
slow('a change', 'petit', $petit, [change($petit)], @meanwhile);
redis('DEL', map { "dmp:dir:$_" } $petit, $Adeli);
verify_trace();
pass('the trace is whole');



=== TEST 4: G5: who regulates no more when the body is whole
--- code
set_record(id_of('petit'));
my $regulator = id_of('regulator');
slow('a form', 'regulator', $regulator, [form()],
    sub { import_directory({ id => $regulator, regulates => undef }) },
    '403 not-regulator deny G5', sni => 'cards.test',
    before => sub { centre('regulator') });
slow('a form, and nothing happens', 'regulator', $regulator, [form()], sub { },
    '200 allow G5', sni => 'cards.test', before => sub { centre('regulator') });
verify_trace();
pass('the trace is whole');
