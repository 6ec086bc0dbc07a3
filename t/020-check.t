# TD0.2 (check): what a professional is told of a record before any right to
# it: whether it exists, is open, whether they are authorised, and no trait of
# the patient unless they are.  The gateway answers it alone.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Test::More;

our $Check = '/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|';

sub record
{
    my ($ins, %more) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'MARTIN', given => 'Jeanne',
            birthdate => '1985-03-02', sex => 'F' },
        emergency => { bris_de_glace => JSON::PP::true,
            centre_15 => JSON::PP::true, masked => JSON::PP::false }, %more };
}

sub granted
{
    my ($since, $until) = @_;

    return authorisations => { '899700218896' =>
        { since => $since, until => $until, by => 'patient' } };
}

import_records(
    record('285037512000151', granted('2020-01-01', '2100-01-01')),
    record('172066912304538', granted('2020-01-01', '2100-01-01'),
        status => 'closed'),
    record('291113306311296', granted('2020-01-01', '2021-01-01')),
    record('168112A00405781', blocked => ['899700218896'],
        granted('2020-01-01', '2100-01-01'), treating => ['899700218896']),
    record('185032A00100142', treating => ['899700218896']),
    record('190010100000187', granted('2099-01-01', '2100-01-01')),
);


# "told: CODE ACTIVE TREATING": what the answer says of the record
add_block_preprocessor(sub {
    my ($block) = @_;

    my ($code, $active, $treating) = split ' ', $block->told // return;

    $block->set_value(as => 'morel') if !defined $block->as;
    $block->set_value(status => 200);
    $block->set_value(backend => 'none');
    $block->set_value(json => "resourceType = Bundle\ntype = searchset\n"
        . "total = 1\nentry.# = 1\n"
        . "entry.0.resource.resourceType = Patient\n"
        . "entry.0.resource.extension.0.valueCoding.code = $code\n"
        . "entry.0.resource.extension.1.valueBoolean = $treating\n"
        . "entry.0.resource.active = $active\n" . ($block->json // ''));
    $block->set_value(header => "DMP-Trace-Id exists\n"
        . "Cache-Control = no-store\nContent-Type ~ ^application/fhir\\+json\n");
    $block->set_value(trace => "body.decision = allow\nbody.rule = E1\n"
        . "body.operation = check\nbody.transaction = TD0.2\n"
        . "body.version ~ ^1\\d{12}\$\nbody.patient exists\noutcome = 1\n");
});

DMP::run();

__DATA__

=== TEST 1: authorised: the state of the record, and the patient's traits
--- get eval: $main::Check . '285037512000151'
--- told: VALIDE true false
--- json
entry.0.resource.identifier.0.system = urn:oid:1.2.250.1.213.1.4.8
entry.0.resource.identifier.0.value = 285037512000151
entry.0.resource.name.0.family = MARTIN
entry.0.resource.name.0.given.0 = Jeanne
entry.0.resource.gender = female
entry.0.resource.birthDate = 1985-03-02
entry.0.search.mode = match



=== TEST 2: not authorised: the same, without traits
--- as: petit
--- get eval: $main::Check . '285037512000151'
--- told: NON_EXISTE true false
--- json
entry.0.resource.name absent
entry.0.resource.gender absent
entry.0.resource.birthDate absent
--- unlike
MARTIN
Jeanne
1985



=== TEST 3: C1 does not refuse it: no record
--- as: morel
--- get: /fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|255069910000166
--- status: 200
--- json
resourceType = Bundle
total = 0
entry absent
--- backend: none
--- trace
body.decision = allow
body.operation = check
body.patient exists
body.version = 0



=== TEST 4: C2 does not refuse it: a closed record, without traits
--- get eval: $main::Check . '172066912304538'
--- told: VALIDE false false
--- unlike
MARTIN
1985



=== TEST 5: an authorisation that has expired
--- get eval: $main::Check . '291113306311296'
--- told: EXPIRE true false
--- unlike
MARTIN
1985



=== TEST 6: F1 does not refuse it: blocked, whatever else the record says
--- get eval: $main::Check . '168112A00405781'
--- told: INTERDIT true false
--- unlike
MARTIN
1985



=== TEST 7: a treating physician
--- get eval: $main::Check . '185032A00100142'
--- told: VALIDE true true
--- json
entry.0.resource.name.0.family = MARTIN



=== TEST 8: an authorisation that has not begun
--- get eval: $main::Check . '190010100000187'
--- told: NON_EXISTE true false
--- unlike
MARTIN



=== TEST 9: HEAD: the same headers and trace, and no body
--- code
my $get = request(as => 'morel', get => $Check . '285037512000151');
for my $http ('1.1', '2') {
    my $mark = trace_mark();
    my $seen = backend();
    my $r = request(as => 'morel', head => $Check . '285037512000151', http => $http);
    is($r->{status}, 200, 'status');
    is($r->{headers}{'content-length'}, length $get->{body}, 'length of the answer to GET');
    unlike($r->{body}, qr/MARTIN/, 'no body');
    is(scalar(backend()), $seen, 'nothing was forwarded');
    my ($entry, @rest) = trace($mark);
    is("$entry->{body}{method} $entry->{body}{operation} $entry->{body}{decision}",
        'HEAD check allow', 'trace');
    is(scalar @rest, 0, 'one entry');
}



=== TEST 10: an emergency mode is no shorter way to ask
--- as: morel
--- headers
DMP-Access-Mode: bris-de-glace
--- get eval: $main::Check . '285037512000151'
--- status: 403
--- json
issue.0.details.coding.0.code = justification-missing
--- backend: none
--- trace
body.decision = deny
body.rule = G3



=== TEST 11: two patients at once
--- as: morel
--- get eval: $main::Check . '285037512000151&identifier=urn:oid:1.2.250.1.213.1.4.8|172066912304538'
--- status: 400
--- json
issue.0.details.coding.0.code = request-ambiguous
--- backend: none
--- unlike
MARTIN



=== TEST 12: no INS is in any trace of it
--- code
request(as => 'morel', get => $Check . '285037512000151');
my $all = join '', map { JSON::PP::encode_json($_->{body}) } trace(undef, qr/./);
unlike($all, qr/285037512000151|MARTIN|Jeanne/, 'neither INS nor name');
my $log = slurp(DMP::error_log());
unlike($log, qr/285037512000151|MARTIN/, 'nor in the error log');
