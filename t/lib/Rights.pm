package Rights;

# For the tests of rights that change: the patient, the professionals and the
# record; requests of the API, and what must hold of those that are refused and
# of those that are made; requests that are not waited for.

use strict;
use warnings;

use Exporter 'import';
use IO::Socket::SSL;
use JSON::PP ();
use POSIX ();
use Test::More;

use DMP ();
use DMP::Proc qw(wait_for slurp);

our @EXPORT_OK = qw($Martin $Durand $Paoli $Morel $Petit $Roux $Leroy
    $Pharmacien $System $Search $Record $Json $True $False $Of_petit $Of_morel
    $codec day granted set_record keys_of record versions gateway api_request
    api is_answer is_refusal watched refused made ask come answer parked
    unparked leave);

our ($Martin, $Durand, $Paoli) = qw(285037512000151 172066912304538
    168112A00405781);
our ($Morel, $Petit, $Roux, $Leroy, $Pharmacien) = qw(899700218896
    899700314422 899700451273 899700588637 899700610944);

our $System = 'urn:oid:1.2.250.1.213.1.4.8';
our $Search = "/fhir/DocumentReference?patient.identifier=$System|$Martin";
our $Record = "/api/records/$Martin";
our $Json = 'Content-Type: application/json';
our ($True, $False) = (JSON::PP::true, JSON::PP::false);

# names of two documents of Martin's, and whose they are
our ($Of_petit, $Of_morel) = map { "$System.99999.1.$_" } 1, 2;

our $codec = JSON::PP->new->canonical->utf8;


# ------------------------------------------------------------------ records

sub day { POSIX::strftime('%Y-%m-%d', gmtime(time + 86400 * $_[0])) }
sub granted { return { since => '2020-01-01', until => '2096-01-01', @_ } }

# Members that no change below concerns are there to be kept.
my %Kept = (opened_at => '2026-01-05T09:00:00Z',
    traits => { family => 'MARTIN', given => 'Jeanne', sex => 'F',
        birthdate => '1985-03-02' },
    contact => { email => 'jeanne@example.fr', prefer => 'email' },
    representatives => [{ ins => $Durand, until => '2090-01-01' }]);

sub set_record
{
    DMP::import_records({ ins => $Martin, status => 'open', %Kept,
        emergency => { bris_de_glace => $True, centre_15 => $True,
            masked => $False }, @_ });
}


# What dmpctl needs to open a record, and more.
sub keys_of
{
    my $keys = DMP::keys();

    return ('--redis', DMP::redis_address(), '--record-key', "$keys/record.key",
        '--pseudonym-key', "$keys/pseudonym.key", @_);
}


# As the store has it now.
sub record
{
    my ($ins) = @_;

    my $shown = $codec->decode(DMP::dmpctl('record', 'show', $ins // $Martin,
        '--json', keys_of()));

    return $shown->{record} // $shown;
}


sub versions
{
    return { map { $_ => DMP::redis('HGET', $_, 'v') }
        @{ DMP::redis('KEYS', '{dmp:*}:rec:*') } };
}


# One entry of an outbox is one notice: what it says, and of whom.
sub notices
{
    my %all;

    for my $key (@{ DMP::redis('KEYS', '{dmp:*}:outbox') }) {
        $all{"$key $_->[0]"} = { @{ $_->[1] } }
            for @{ DMP::redis('XRANGE', $key, '-', '+') };
    }

    return \%all;
}


# A gateway with the API, on the store at that address; the records of Martin
# and Durand, and the documents of the record host.  The directory is asked anew
# for each request.
sub gateway
{
    my ($redis) = @_;

    DMP::configure(redis => "$redis timeout=30s",
        http => 'dmp_directory_valid 0;', location => 'dmp_record_host demo;',
        server => 'location /api/ { dmp_api; dmp_record_host demo;'
            . ' client_max_body_size 0; }');

    set_record();
    DMP::import_records({ ins => $Durand, status => 'open' });
    DMP::dmpctl('index', 'build', 'http://' . DMP::backend_address() . '/fhir',
        '--host', 'demo', '--policy', DMP::policy(), keys_of('--audit-key',
        DMP::keys() . '/audit.key', '--node', 'import'));
}


# ----------------------------------------------------------------- requests

# What request() is given: api_request('who', method, path, body, more).
sub api_request
{
    my ($as, $method, $path, $body, %more) = @_;

    my @headers = @{ delete $more{headers} // [] };
    push @headers, $Json if defined $body && !grep { /^Content-Type/i } @headers;

    return (as => $as, lc $method => $path, headers => \@headers,
        (defined $body ? (body => ref $body ? $codec->encode($body) : $body)
            : ()), %more);
}


sub api { return DMP::request(api_request(@_)) }


# What holds of every answer of the API, whatever it is.
sub is_answer
{
    my ($r, $name, $type) = @_;

    is($r->{curl}, 0, "$name: answered") or diag($r->{error});
    is($r->{headers}{'content-type'}, $type, "$name: its type");
    is($r->{headers}{'cache-control'}, 'no-store', "$name: not to be kept");
    like($r->{headers}{'dmp-trace-id'} // '', qr/^[0-9a-f]{8}-[-0-9a-f]{27}\z/,
        "$name: its trace");
}


sub is_refusal
{
    my ($r, $name, $status, $reason) = @_;

    is($r->{status}, $status, "$name: status") or diag($r->{body});
    is_answer($r, $name, 'application/problem+json');

    my $j = $r->{json};

    is($j->{reason}, $reason, "$name: reason");
    is($j->{type}, "urn:dmp:reason:$reason", "$name: type");
    is($j->{status}, $status, "$name: status in its body");
    is($j->{trace_id}, $r->{headers}{'dmp-trace-id'}, "$name: trace in it");
    ok(length($j->{title} // '') > 10, "$name: a sentence");
}


# Runs a request and returns it with what became of the store.
sub watched
{
    my ($request) = @_;

    my ($mark, $asked) = (DMP::trace_mark(), scalar(() = DMP::backend()));
    my ($before, $told) = (versions(), notices());

    my $r = $request->();

    my $id = $r->{headers}{'dmp-trace-id'} // '';
    my @entries = grep { $_->{body}{trace} eq $id } DMP::trace($mark);
    my $after = versions();
    my @moved = map { $after->{$_} - ($before->{$_} // 0) }
        grep { $after->{$_} ne ($before->{$_} // '') } CORE::keys %$after;
    my $since = notices();

    delete @$since{ CORE::keys %$told };
    is(scalar(() = DMP::backend()), $asked, 'the record host received nothing');

    return { r => $r, entries => \@entries, moved => \@moved,
        notices => [values %$since] };
}


# refused('who', 'status rule reason', as, method, path, body, ...): nothing
# has changed.  Where the answer has another reason, it is a fourth word.
sub refused
{
    my ($name, $want, @request) = @_;

    my ($status, $rule, $reason, $told) = split ' ', $want;
    my $text = $codec->encode(record());
    my $w = watched(sub { api(@request) });
    my ($entry, @more) = @{ $w->{entries} };
    my $b = $entry->{body};

    is_refusal($w->{r}, $name, $status, $told // $reason);
    is(scalar @more, 0, "$name: one entry");
    is(join(' ', map { $_ // '' } @$b{qw(kind decision rule reason)}),
        "access deny $rule $reason", "$name: the entry");
    is($entry->{outcome}, defined $b->{patient} ? '1' : 'S', "$name: it stands");
    ok(!exists $b->{new_version}, "$name: no new version");
    is_deeply($w->{moved}, [], "$name: no record has moved");
    is_deeply($w->{notices}, [], "$name: nobody is told");
    is($codec->encode(record()), $text, "$name: the record is as it was");

    return ($w->{r}, $b);
}


# made('what', 'operation change target', effect, as, method, path, ...): it
# is, in one version, and somebody is told if it has an effect.
sub made
{
    my ($name, $want, $effect, @request) = @_;

    my $w = watched(sub { api(@request) });
    my ($r, $entry) = ($w->{r}, $w->{entries}[-1]);
    my $b = $entry->{body};

    is($r->{status}, 200, "$name: made") or diag($r->{body});
    is_answer($r, $name, 'application/json');
    is(join(' ', map { $_ // '-' } @$b{qw(operation change target)}), $want,
        "$name: the entry");
    is("$b->{kind} $b->{decision} $b->{reason} $b->{mode} $entry->{outcome}",
        'change allow none normal R', "$name: what it is");
    is($b->{new_version}, $b->{version} + 1, "$name: of its versions");
    is_deeply($w->{moved}, [1], "$name: one record, one version more");
    is(join(',', map { $_->{k} } @{ $w->{notices} }),
        $effect ? 'rights-changed' : '', "$name: who is told");

    for my $n (@{ $w->{notices} }) {
        is("$n->{p} $n->{e}", "$b->{patient} $entry->{id}",
            "$name: of whom, and by which entry");
    }

    return ($r, $b, $w->{entries});
}


# -------------------------------------------------- requests not waited for

# A request on a connection of its own that is not waited for.
sub ask
{
    my ($as, $method, $path, $body) = @_;

    my $pki = DMP::pki();
    my $socket = IO::Socket::SSL->new(
        PeerAddr => '127.0.0.1:' . DMP::tls_port(), SSL_hostname => 'localhost',
        SSL_ca_file => "$pki/server-ca.pem",
        SSL_cert_file => "$pki/$as.pem", SSL_key_file => "$pki/$as.key")
        or die "TLS: $IO::Socket::SSL::SSL_ERROR\n";

    print $socket "$method $path HTTP/1.1\r\nHost: localhost\r\n",
        "Connection: close\r\n",
        (defined $body ? "Content-Type: application/json\r\nContent-Length: "
            . length($body) . "\r\n\r\n$body" : "\r\n");
    $socket->blocking(0);

    return { socket => $socket, in => '', end => 0 };
}


# What has come so far.
sub come
{
    my ($asked) = @_;

    while (!$asked->{end}) {
        my $n = sysread $asked->{socket}, $asked->{in}, 65536,
            length $asked->{in};

        last if !defined $n && $SSL_ERROR == SSL_WANT_READ;
        $asked->{end} = !$n;
    }

    return $asked->{in};
}


sub answer
{
    my ($asked) = @_;

    wait_for { come($asked); $asked->{end} } 'the whole answer', 20;

    my ($status) = $asked->{in} =~ m{^HTTP/1\.1 (\d+)};
    my ($trace) = $asked->{in} =~ m{^DMP-Trace-Id: (\S+)\r$}mi;
    my ($body) = $asked->{in} =~ m{\r\n\r\n(.*)}s;

    return { status => $status // 0, trace => $trace, body => $body,
        json => eval { JSON::PP->new->utf8->decode($body) } };
}


# A request of curl's; unparked() waits for its answer.  Its client is the
# process of curl, of which we know the pid.
my $parked = 0;
sub parked
{
    my %o = @_;

    my $out = DMP::Proc::dir() . '/parked.' . ++$parked;
    my $pid = DMP::Proc::start('a request', $out, sub {
        my $r = DMP::request(%o);
        print JSON::PP->new->encode({ %$r{qw(status body head curl)},
            trace => $r->{headers}{'dmp-trace-id'} });
    });

    return { pid => $pid, out => $out };
}


sub unparked
{
    my ($request) = @_;

    waitpid $request->{pid}, 0;

    return JSON::PP->new->decode(slurp($request->{out}));
}


sub leave
{
    my ($request) = @_;

    my $pid = $request->{pid};
    my ($curl) = wait_for { slurp("/proc/$pid/task/$pid/children") } 'curl';

    kill 'KILL', split ' ', $curl;
    waitpid $pid, 0;
}

1;
