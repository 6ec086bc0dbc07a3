# GET metadata: open to whoever is admitted; it names no patient.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use FakeHost;
use Test::More;

our $Fake;

DMP::run();

__DATA__

=== TEST 1: to any actor who is admitted
--- code
for my $as (qw(petit structure pharmacien)) {
    for my $http ('1.1', '2') {
        my ($mark, $seen) = (trace_mark(), scalar(backend()));
        my $r = request(as => $as, get => '/fhir/metadata', http => $http);
        is("$r->{status} $r->{json}{resourceType}", '200 CapabilityStatement', $as);
        is($r->{headers}{'cache-control'}, 'no-store', 'not to be kept');
        is(backend() - $seen, 1, 'asked of the host');
        my ($entry, @more) = trace($mark);
        my $b = $entry->{body};
        is("$b->{decision} $b->{operation} $b->{route}", 'allow metadata metadata',
            'traced');
        is($b->{patient}, undef, 'of nobody\'s record');
        is(scalar @more, 0, 'once');
    }
}
is(request(as => 'petit', head => '/fhir/metadata')->{status}, 200, 'HEAD');



=== TEST 2: to nobody else
--- code
my $seen = backend();
is(request(get => '/fhir/metadata')->{status}, 401, 'nobody');
is(request(as => 'petit', get => "/fhir/metadata$_")->{status}, 400, $_)
    for '?mode=terminology', '/x', '?_format=json&x=1', '?_elements=url';
is(request(as => 'petit', get => '/fhir/metadata?_format=xml')->{status}, 406, 'XML');
is(request(as => 'petit', $_ => '/fhir/metadata')->{status}, 400, $_)
    for qw(post put delete);
is(scalar(backend()), $seen, 'the host received nothing');



=== TEST 3: only what it is to be
--- dmp
$main::Fake = FakeHost->new('/fhir/metadata' =>
    FakeHost::json('{"resourceType":"Bundle","type":"searchset"}'));
(backend => $main::Fake->{address})
--- as: petit
--- get: /fhir/metadata
--- status: 502
--- unlike
searchset
--- error_log
it is no CapabilityStatement
