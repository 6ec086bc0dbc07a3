# POST …/_search: its form counts like the query, and reaches the host as it
# was sent.

use strict;
use warnings;

use lib 't/lib';
use Digest::SHA qw(sha1_hex);
use DMP;
use JSON::PP;
use Test::More;

our $Ins = 'urn:oid:1.2.250.1.213.1.4.8';
our $Who = "patient.identifier=$Ins|285037512000151";
our $Other = "patient.identifier=$Ins|172066912304538";
our $Form = 'Content-Type: application/x-www-form-urlencoded';
our $Path = '/fhir/DocumentReference/_search';

my $always = { since => '2020-01-01', until => '2100-01-01', by => 'patient' };

sub record
{
    my ($ins, @authorised) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false },
        authorisations => { map { $_ => $always } @authorised } };
}

import_records(record('285037512000151', '899700314422'),
    record('172066912304538'));

sub search
{
    my ($body, %more) = @_;

    my $headers = delete $more{headers} // [$main::Form];

    return request(as => 'petit', post => $main::Path, body => $body,
        headers => $headers, %more);
}

# Each is refused with that status, over both protocols, and nobody hears of it.
sub refused
{
    my ($want, @tries) = @_;

    my ($status, $reason) = split ' ', $want;

    for my $try (@tries) {
        my ($name, $body, %more) = @$try;

        for my $http ('1.1', '2') {
            my ($seen, $mark) = (scalar(backend()), trace_mark());
            my $r = search($body, http => $http, %more);
            my $code = $r->{json}{issue}[0]{details}{coding}[0]{code} // '';

            is("$r->{status} $code", $want, "$http $name");
            is(scalar(backend()), $seen, 'the host received nothing');
            my ($entry) = trace($mark);
            is($entry->{body}{reason}, $reason, 'traced');
        }
    }
}

DMP::run();

__DATA__

=== TEST 1: C1, C2: the form reaches the host, byte by byte
--- code
my $body = "$main::Who&status=current&type=" . ('http://loinc.org|11488-4,' x 8)
    . '11488-4&_pretty=false';
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $r = search($body, http => $http);
    is($r->{status}, 200, "HTTP/$http");
    my @ids = map { $_->{resource}{id} } @{ $r->{json}{entry} };
    ok(@ids && !(grep { !/^martin-/ } @ids), 'documents');
    my $got = (backend())[-1];
    is("$got->{method} $got->{target}", "POST $main::Path", 'the host received it');
    is($got->{body_sha1}, sha1_hex($body), 'as it was');
    my %h = map { lc $_->[0] => $_->[1] } @{ $got->{headers} };
    is($h{'content-type'}, 'application/x-www-form-urlencoded', 'as a form');
    my ($entry) = trace($mark);
    my $b = $entry->{body};
    is("$b->{method} $b->{route} $b->{operation} $b->{decision}",
        'POST DocumentReference/_search search allow', 'trace');
    unlike($r->{body}, qr/martin-psychiatrie/, 'filtered');
}



=== TEST 2: C1, C2: a form in a file, or in small buffers
--- dmp
location => 'client_body_buffer_size 1k; client_body_in_file_only clean;'
--- code
my $body = "$main::Who&type=" . join ',', ('11488-4') x 200;
my $r = search($body);
is($r->{status}, 200, 'in a file');
is((backend())[-1]{body_sha1}, sha1_hex($body), 'whole');



=== TEST 3: C9: query and form are one; no name in both
--- code
my $query = sub { return (post => "$main::Path?$_[0]") };
refused('400 request-ambiguous',
    ['the patient twice', "$main::Who&$main::Who"],
    ['two patients', "$main::Who&$main::Other"],
    ['another one in the query', $main::Who, $query->($main::Other)],
    ['the same one in the query', $main::Who, $query->($main::Who)],
    ['a status in both', "$main::Who&status=current", $query->('status=current')],
    ['nobody', 'status=current'],
    ['an empty form', ''],
    ['a parameter that there is not', "$main::Who&_include=*"],
    ['a count of nothing', "$main::Who&_count=0"],
    ['a name with an escape of an escape', "$main::Who&sta%2574us=current"],
    ['two readings', "$main::Who;status=current"],
    ['a line end', "$main::Who\r\n&status=current"],
    ['a NUL', "$main::Who&status=%00"],
    ['a byte that is no character', "$main::Who&type=%ff"],
    ['no "="', "$main::Who&status"],
    ['JSON', '{"patient.identifier":"x"}'],
);
refused('400 ins-invalid',
    ['an INS and a blank', "patient.identifier=$main::Ins|285037512000151+"]);
my $r = search('', $query->($main::Who));
is($r->{status}, 200, 'all of it may stand in the query');
$r = search($main::Who, $query->('_format=json'));
is($r->{status}, 200, 'or some');



=== TEST 4: C4, C5: another type or coding than a form's: 415
--- code
my @type = ('Content-Type: text/plain', 'Content-Type: application/json',
    'Content-Type: application/x-www-form-urlencoded, text/plain',
    'Content-Type: multipart/form-data; boundary=x',
    'Content-Type: application/x-www-form-urlencoded; charset=utf-7',
    'Content-Type:');
refused('415 operation-unknown',
    (map { [$_, $main::Who, headers => [$_]] } @type),
    ['gzip', $main::Who, headers => [$main::Form, 'Content-Encoding: gzip']]);
refused('400 request-ambiguous',
    ['two types', $main::Who, headers => [$main::Form, $main::Form]]);
is(search($main::Who, headers => ["$main::Form; charset=UTF-8"])->{status}, 200,
    'a charset of UTF-8');



=== TEST 5: C6, C8: limits, each with its answer: 413
--- dmp
location => 'dmp_max_form_size 1k; dmp_max_parameters 4;'
--- code
my $long = "$main::Who&type=" . join ',', ('11488-4') x 200;
refused('413 request-ambiguous', ['a large form', $long],
    ['many parameters', "$main::Who" . '&date=gt2020-01-01' x 4]);
for my $http ('1.1', '2') {
    my $seen = backend();
    my $r = search($main::Who, http => $http, headers => [$main::Form,
        'Content-Length:', $http eq '2' ? () : 'Transfer-Encoding: chunked']);
    is($r->{status}, 413, "HTTP/$http: of a length that is not said");
    is(scalar(backend()), $seen, 'the host received nothing');
}
is(search($main::Who . '&date=gt2020-01-01' x 3)->{status}, 200, 'up to the limit');



=== TEST 6: C7: a form that does not come, and one announced
--- code
my $head = "POST $main::Path HTTP/1.1\r\nHost: 127.0.0.1\r\n$main::Form\r\n";
my $seen = backend();
my $length = length $main::Who;
my $r = request_raw('petit', "${head}Content-Length: $length\r\n"
    . "Expect: 100-continue\r\nConnection: close\r\n\r\n$main::Who");
like($r, qr{^HTTP/1\.1 100 Continue\r\n\r\nHTTP/1\.1 200 }, '100-continue');
is(scalar(backend()), $seen + 1, 'once');
$r = request_raw('petit', "${head}Content-Length: $length\r\n"
    . "Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n0\r\n\r\n");
like($r, qr{^HTTP/1\.1 400 }, 'two lengths');
$r = request_raw('petit', "${head}Content-Length: $length\r\n"
    . "Content-Length: 3\r\nConnection: close\r\n\r\n$main::Who");
like($r, qr{^HTTP/1\.1 400 }, 'two lengths of a kind');
is(scalar(backend()), $seen + 1, 'and no more');



=== TEST 7: C8: who may not ask is refused before the form is read
--- code
my $seen = backend();
my $r = request(post => $main::Path, body => $main::Who, headers => [$main::Form]);
is($r->{status}, 401, 'nobody');
$r = request(as => 'roux', post => $main::Path, body => $main::Who,
    headers => [$main::Form]);
is("$r->{status} $r->{json}{issue}[0]{details}{coding}[0]{code}",
    '403 not-authorised', 'somebody without a right');
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 8: D6: no other method by the form
--- code
refused('400 request-ambiguous', ["$_", "$main::Who&$_"])
    for '_method=GET', '_method=DELETE', '_METHOD=PUT';



=== TEST 9: B2, B3, B9: forms one behind the other on a connection, each its own
--- code
my $post = sub {
    my ($body, $close) = @_;
    return "POST $main::Path HTTP/1.1\r\nHost: 127.0.0.1\r\n$main::Form\r\n"
        . 'Content-Length: ' . length($body) . "\r\n"
        . ($close ? "Connection: close\r\n" : '') . "\r\n$body";
};
my $r = request_raw('petit', join '', $post->($main::Who), $post->($main::Other),
    $post->('status=current'), $post->($main::Who, 1));
is(join(' ', $r =~ m{HTTP/1\.1 (\d+) }g), '200 403 400 200', 'verdicts');
