# Rights that change, over the API: by whom, with what effect, on what is
# there now; what its trace and its notice say.  Nothing of it ever reaches the
# record host.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Connection;
use FakeRedis;
use POSIX ();
use Rights qw($Martin $Durand $Paoli $Morel $Petit $Roux $Leroy $Pharmacien
    $System $Search $Record $True $False $Of_petit $Of_morel $codec day granted
    keys_of set_record record versions gateway api_request api is_answer is_refusal
    watched refused made parked unparked);
use Test::More;

# What the record is, as far as it is not as it was.
sub changed_in
{
    my ($code) = @_;

    my $before = record();
    $code->();
    my $after = record();

    return { map { $_ => $after->{$_} } grep {
        $codec->encode([$before->{$_}]) ne $codec->encode([$after->{$_}])
    } CORE::keys %{ { %$before, %$after } } };
}

sub days
{
    my ($from, $to) = map { POSIX::mktime(0, 0, 12, $_->[2], $_->[1] - 1,
        $_->[0] - 1900) } map { [split /-/] } @_;

    return POSIX::floor(($to - $from) / 86400 + 0.5);
}

sub reads { request(get => $Search, as => $_[0])->{status} }

our $Fake = FakeRedis->new(redis_address(),
    [qr/^FCALL dmp1_change/, 'stall', when => 'commit'],
    [qr/^HMGET \S+:rec:/, 'stall', when => 'load']);

sub commands { my ($what) = @_; return scalar grep { /$what/ } $Fake->commands }

gateway($Fake->address);

DMP::run();

__DATA__

=== TEST 1: TD0.3: a professional authorises themself, with the patient's consent
--- code
set_record();
is(reads('petit'), 403, 'not authorised yet');
my $path = "$Record/authorisations/$Petit";
my $entry;
my $is = changed_in(sub {
    (undef, $entry) = made('without an end', "rights authorise $Petit", 1,
        'petit', PUT => $path, { consent => $True });
});
is_deeply([CORE::keys %$is], ['authorisations'], 'and nothing else of it');
my ($who, $grant) = %{ $is->{authorisations} };
is("$who $grant->{by}", "$Petit professional", 'by themself');
is(days($grant->{since}, $grant->{until}), 365, 'for a year, by the setting');
is("$entry->{rule} $entry->{transaction} $entry->{method} $entry->{route}",
    'E1 TD0.3 PUT records/{ins}/authorisations/{ps}', 'the entry');
ok($entry->{details}, 'it has details');
unlike($codec->encode($entry), qr/$Martin|$grant->{until}/, 'which are sealed');
is(reads('petit'), 200, 'they read');

my $until = day(100);
made('with an end', "rights authorise $Petit", 1, 'petit', PUT => $path,
    { consent => $True, until => $until });
is(record()->{authorisations}{$Petit}{until}, $until, 'that one');
my ($r) = made('the same again', "rights authorise $Petit", 0, 'petit',
    PUT => $path, { consent => $True, until => $until });
is_deeply($r->{json}, { ins => $Martin, status => 'open',
    authorisation => 'VALIDE', treating => $False }, 'the state, as they see it');

refused('until past', '403 E1 right-missing', 'petit', PUT => $path,
    { consent => $True, until => '2020-01-01' });
refused('until yesterday', '403 E1 right-missing', 'petit', PUT => $path,
    { consent => $True, until => day(-1) });
refused('too far', '403 E1 right-missing', 'petit', PUT => $path,
    { consent => $True, until => day(400) });
refused('without consent', '403 E1 right-missing', 'petit', PUT => $path,
    { consent => $False });
refused('consent not said', '403 E1 right-missing', 'petit', PUT => $path, {});
refused('no body at all', '403 E1 right-missing', 'petit', PUT => $path);
refused('another', '403 E1 right-missing', 'petit',
    PUT => "$Record/authorisations/$Roux", { consent => $True });
refused('a structure, by a person', '403 E1 right-missing', 'petit',
    PUT => "$Record/authorisations/1750712184", { consent => $True });
verify_trace();
pass('the trace is whole');



=== TEST 2: and withdraws; nobody else does
--- code
set_record(authorisations => { $Petit => granted(), $Roux => granted() });
refused('another\'s', '403 E1 right-missing', 'petit',
    DELETE => "$Record/authorisations/$Roux");
refused('the treating one\'s is nobody\'s', '403 E1 right-missing', 'roux',
    DELETE => "$Record/authorisations/$Petit");
my $is = changed_in(sub {
    made('their own', "rights withdraw $Petit", 1, 'petit',
        DELETE => "$Record/authorisations/$Petit");
});
is_deeply($is, { authorisations => { $Roux => granted() } }, 'that one only');
is(reads('petit'), 403, 'they read no more');
is(reads('roux'), 200, 'the other does');
made('the same again', "rights withdraw $Petit", 0, 'petit',
    DELETE => "$Record/authorisations/$Petit");
verify_trace();
pass('the trace is whole');



=== TEST 3: staff have their structure authorised, a structure nobody
--- code
set_record();
my $pharmacy = '1760021832';
my ($r) = made('their own structure', "rights authorise $pharmacy", 1, 'cpe',
    PUT => "$Record/authorisations/$pharmacy", { consent => $True });
is_deeply($r->{json}, { ins => $Martin, status => 'open',
    authorisation => $r->{json}{authorisation}, treating => $False },
    'and see no more of the record');
is(record()->{authorisations}{$pharmacy}{by}, 'staff', 'by them');
refused('another structure', '403 E1 right-missing', 'cpe',
    PUT => "$Record/authorisations/1750712184", { consent => $True });
refused('themselves', '403 E1 right-missing', 'cpe',
    PUT => "$Record/authorisations/3760021832%2F000000017",
    { consent => $True });
refused('without consent', '403 E1 right-missing', 'cpe',
    PUT => "$Record/authorisations/$pharmacy", { consent => $False });
refused('a doctor', '403 E1 right-missing', 'cpe',
    PUT => "$Record/authorisations/$Roux", { consent => $True });
refused('they do not withdraw', '403 E1 right-missing', 'cpe',
    DELETE => "$Record/authorisations/$pharmacy");
refused('a structure itself', '403 E1 right-missing', 'structure',
    PUT => "$Record/authorisations/1750712184", { consent => $True });
refused('Assurance Maladie', '403 D2 channel-mismatch', 'feeder',
    PUT => "$Record/authorisations/2999999990", { consent => $True });



=== TEST 4: the treating physician blocks, and whom they block is nobody
--- code
set_record(treating => [$Leroy, $Petit], authorisations => {
    $Petit => granted(by => 'patient'), $Roux => granted() });
my $r;
my $is = changed_in(sub {
    ($r) = made('a block', "rights block $Petit", 1, 'leroy',
        PUT => "$Record/blocks/$Petit");
});
is_deeply($is, { blocked => [$Petit], treating => [$Leroy],
    authorisations => { $Roux => granted() } },
    'authorisation and designation end, and nothing else');
is_deeply($r->{json}, { ins => $Martin, status => 'open',
    authorisation => 'VALIDE', treating => $True,
    emergency => { bris_de_glace => $True, centre_15 => $True,
        masked => $False },
    authorisations => { $Roux => { since => '2020-01-01',
        until => '2096-01-01' } },
    blocked => [$Petit], treating_physicians => [$Leroy], masked => [],
    mask_by_default => $False, unmasked => [] }, 'the state, as they see it');
is(reads('petit'), 403, 'they read nothing');
made('the same again', "rights block $Petit", 0, 'leroy',
    PUT => "$Record/blocks/$Petit");

# whatever they ask
refused('to be authorised', '403 F1 blocked', 'petit',
    PUT => "$Record/authorisations/$Petit", { consent => $True });
refused('to withdraw', '403 F1 blocked', 'petit',
    DELETE => "$Record/authorisations/$Petit");
refused('to mask', '403 F1 blocked', 'petit',
    PUT => "$Record/masks/martin-consultation-1");

$is = changed_in(sub {
    made('an unblocking', "rights unblock $Petit", 1, 'leroy',
        DELETE => "$Record/blocks/$Petit");
});
is_deeply($is, { blocked => [] }, 'restores nothing');
is(reads('petit'), 403, 'so that they do not read');
made('the same again', "rights unblock $Petit", 0, 'leroy',
    DELETE => "$Record/blocks/$Petit");
made('who is unblocked is authorised anew', "rights authorise $Petit", 1,
    'petit', PUT => "$Record/authorisations/$Petit", { consent => $True });
is(reads('petit'), 200, 'they read');
verify_trace();
pass('the trace is whole');



=== TEST 5: under all the identifiers that the directory knows
--- code
my $adeli = '0751234567';
import_directory({ kind => 'person', ids => [$Petit, $adeli],
    practices => [{ profession => ['1.2.250.1.71.1.2.7', '10'],
        sector => ['1.2.250.1.71.4.2.4', 'SA07'] }] });
for my $by ($Petit, $adeli) {
    set_record(treating => [$Leroy, $Petit],
        authorisations => { $adeli => granted(), $Roux => granted() });
    is(reads('petit'), 200, 'authorised by the ADELI number');
    my $is = changed_in(sub {
        made("a block of $by", "rights block $by", 1, 'leroy',
            PUT => "$Record/blocks/$by");
    });
    $is->{blocked} = [sort @{ $is->{blocked} }];
    is_deeply($is, { blocked => [$adeli, $Petit], treating => [$Leroy],
        authorisations => { $Roux => granted() } }, 'both are blocked');
    is(reads('petit'), 403, 'and do not read');
    refused('by the other', '403 F1 blocked', 'petit',
        PUT => "$Record/authorisations/$adeli", { consent => $True });
    $is = changed_in(sub {
        made('an unblocking', "rights unblock $adeli", 1, 'leroy',
            DELETE => "$Record/blocks/$adeli");
    });
    is_deeply($is, { blocked => [] }, 'neither is');
}
# an authorisation is one, whatever it is called
set_record(authorisations => { $adeli => granted() });
made('by the other number', "rights authorise $Petit", 1, 'petit',
    PUT => "$Record/authorisations/$Petit", { consent => $True });
is_deeply([CORE::keys %{ record()->{authorisations} }], [$Petit], 'one');
made('withdrawn by the other', "rights withdraw $adeli", 1, 'petit',
    DELETE => "$Record/authorisations/$adeli");
is_deeply(record()->{authorisations}, {}, 'none');
# one of them blocked is enough
set_record(blocked => [$adeli], authorisations => {});
refused('themself, by the number that is not blocked', '403 F1 blocked',
    'petit', PUT => "$Record/authorisations/$Petit", { consent => $True });
redis('DEL', map { "dmp:dir:$_" } $Petit, $adeli);



=== TEST 6: who blocks: treating physicians, and no one else
--- code
set_record(treating => [$Leroy, $Pharmacien], authorisations => {
    $Morel => granted(), $Pharmacien => granted() });
my $block = "$Record/blocks/$Petit";
for my $method (qw(PUT DELETE)) {
    refused("$method: a doctor who is not treating", '403 E1 right-missing',
        'morel', $method => $block);
    refused("$method: a stranger", '403 E1 right-missing', 'roux',
        $method => $block);
    refused("$method: no doctor, whatever the record says",
        '403 E1 right-missing', 'pharmacien', $method => $block);
    refused("$method: staff", '403 E1 right-missing', 'cpe',
        $method => $block);
    refused("$method: a structure", '403 E1 right-missing', 'structure',
        $method => $block);
}
set_record(treating => [$Leroy], blocked => [$Leroy]);
refused('a treating physician who is blocked', '403 F1 blocked', 'leroy',
    PUT => $block);
set_record(treating => [$Leroy]);
made('themself', "rights block $Leroy", 1, 'leroy',
    PUT => "$Record/blocks/$Leroy");
refused('and is one no more', '403 E1 right-missing', 'leroy', PUT => $block);



=== TEST 7: they may leave; the patient alone designates
--- code
set_record(treating => [$Leroy, $Morel]);
refused('one another', '403 E1 right-missing', 'morel',
    DELETE => "$Record/treating/$Leroy");
refused('a stranger', '403 E1 right-missing', 'petit',
    DELETE => "$Record/treating/$Leroy");
refused('a stranger leaves', '403 E1 right-missing', 'petit',
    DELETE => "$Record/treating/$Petit");
my $is = changed_in(sub {
    made('they leave', "rights dismiss $Leroy", 1, 'leroy',
        DELETE => "$Record/treating/$Leroy");
});
is_deeply($is, { treating => [$Morel] }, 'and the other stays');
refused('what they were', '403 E1 right-missing', 'leroy',
    PUT => "$Record/blocks/$Petit");
refused('they leave again', '403 E1 right-missing', 'leroy',
    DELETE => "$Record/treating/$Leroy");
for my $as (qw(morel petit cpe structure)) {
    refused("$as designates", '403 E1 right-missing', $as,
        PUT => "$Record/treating/$Petit");
}
refused('themself', '403 E1 right-missing', 'petit',
    PUT => "$Record/treating/$Petit");
set_record(treating => [$Leroy], blocked => [$Petit]);
refused('one who is blocked', '403 E1 right-missing', 'leroy',
    PUT => "$Record/treating/$Petit");



=== TEST 8: what is the patient's to say
--- code
set_record(treating => [$Leroy], authorisations => { $Petit => granted() });
for my $as (qw(leroy petit roux pharmacien)) {
    refused("$as: emergency", '403 E1 right-missing', $as,
        PUT => "$Record/emergency", { bris_de_glace => $False });
    refused("$as: masked by default", '403 E1 right-missing', $as,
        PUT => "$Record/masks", { mask_by_default => $True });
    refused("$as: close", '403 E1 right-missing', $as,
        PUT => "$Record/status", { status => 'closed' });
    refused("$as: reopen", '403 E1 right-missing', $as,
        PUT => "$Record/status", { status => 'open' });
}
for my $as (qw(structure feeder cpe)) {
    refused("$as: close", '403 D2 channel-mismatch', $as,
        PUT => "$Record/status", { status => 'closed' });
}



=== TEST 9: a document is masked, by its id or its own name
--- code
set_record(treating => [$Leroy], authorisations => {
    $Petit => granted(), $Morel => granted() });
my $read = sub { request(get => '/fhir/DocumentReference/martin-consultation-2',
    as => $_[0])->{status} };
for my $name ('martin-consultation-2', $Of_morel,
    $Of_morel =~ s/:/%3a/gr, 'martin%2Dconsultation%2d2')
{
    set_record(treating => [$Leroy], authorisations => {
        $Petit => granted(), $Morel => granted() });
    is($read->('petit'), 200, 'it is read');
    my ($r, $entry);
    my $is = changed_in(sub {
        ($r, $entry) = made("as $name", 'mask - -', 1, 'petit',
            PUT => "$Record/masks/$name");
    });
    is_deeply($is, { masked => [$Of_morel] }, 'by its own name');
    is("$entry->{rule} $entry->{transaction}", 'G1 TD3.3a', 'the entry');
    is_deeply($entry->{documents}, [[$Of_morel, '11488-4']], 'which one');
    is($read->('petit'), 404, 'it is not read');
    is($read->('morel'), 200, 'but by its author');
    made('the same again', 'mask - -', 0, 'morel', PUT => "$Record/masks/$name");
    refused('by whom it is hidden from', '404 H3 masked document-foreign',
        'petit', PUT => "$Record/masks/$name");
    refused('nor unmasked', '404 H3 masked document-foreign', 'petit',
        DELETE => "$Record/masks/$name");
    my $who = $name =~ /^urn/ ? 'leroy' : 'morel';
    $is = changed_in(sub {
        made("unmasked by $who", 'unmask - -', 1, $who,
            DELETE => "$Record/masks/$name");
    });
    is_deeply($is, { masked => [] }, 'unmasked');
    is($read->('petit'), 200, 'it is read again');
    made('the same again', 'unmask - -', 0, 'morel',
        DELETE => "$Record/masks/$name");
}
refused('unmasked by no author', '403 H6 not-author', 'petit',
    DELETE => "$Record/masks/martin-consultation-2");
refused('masked by who is not authorised', '403 G1 not-authorised', 'roux',
    PUT => "$Record/masks/martin-consultation-2");
refused('even their own', '403 G1 not-authorised', 'roux',
    PUT => "$Record/masks/martin-consultation-3");
refused('by a structure', '403 D2 channel-mismatch', 'structure',
    PUT => "$Record/masks/martin-consultation-2");
verify_trace();
pass('the trace is whole');



=== TEST 10: where all are masked by default, one is unmasked by name
--- code
set_record(mask_by_default => $True, treating => [$Leroy], authorisations => {
    $Petit => granted(), $Morel => granted() });
my $id = 'martin-consultation-2';
my $is = changed_in(sub {
    made('unmasked', 'unmask - -', 1, 'morel', DELETE => "$Record/masks/$id");
});
is_deeply($is, { unmasked => [$Of_morel] }, 'that one');
is(request(get => "/fhir/DocumentReference/$id", as => 'petit')->{status}, 200,
    'it is read');
is(request(get => '/fhir/DocumentReference/martin-consultation-3',
    as => 'petit')->{status}, 404, 'the others are not');
$is = changed_in(sub {
    made('masked again', 'mask - -', 1, 'leroy', PUT => "$Record/masks/$id");
});
is_deeply($is, { masked => [$Of_morel], unmasked => [] }, 'and back');



=== TEST 11: a document that is none of this record's
One that is not known, another's and none at all are the same answer.
--- code
set_record(treating => [$Leroy], authorisations => { $Petit => granted() });
import_records({ ins => $Durand, status => 'open', treating => [$Leroy] });
my %seen;
for my $method (qw(PUT DELETE)) {
    for my $name ('durand-consultation-2', "$System.99999.2.2", 'never-used',
        'urn:oid:1.2.3', 'x' x 64, 'x' x 256, 'with%20blank', 'a%2Fb')
    {
        my ($r) = refused("$method $name",
            '404 H1 document-foreign', 'leroy', $method => "$Record/masks/$name");
        $seen{ $r->{body} =~ s/\Q$r->{json}{trace_id}\E//r } = $name;
    }
}
is(scalar(CORE::keys %seen), 1, 'one answer');
# an INS in the place of a name is not written down
my ($r, $entry) = refused('an INS', '404 H1 document-foreign', 'leroy',
    PUT => "$Record/masks/$Durand");
unlike($codec->encode($entry), qr/$Durand/, 'it stands in no entry');



=== TEST 12: what the host's own label masks is not unmasked here
--- code
set_record(treating => [$Leroy], authorisations => { $Morel => granted() });
for my $as (qw(morel leroy)) {
    refused("$as: by label", '403 H7 change-not-allowed', $as,
        DELETE => "$Record/masks/martin-psychiatrie");
}
made('masked by both', 'mask - -', 1, 'morel',
    PUT => "$Record/masks/martin-psychiatrie");
refused('by both', '403 H7 change-not-allowed', 'morel',
    DELETE => "$Record/masks/martin-psychiatrie");



=== TEST 13: no record, a closed one
--- code
my $none = "/api/records/$Paoli";
my @requests = (
    [PUT => "authorisations/$Petit", { consent => $True }],
    [DELETE => "authorisations/$Petit"], [PUT => "blocks/$Roux"],
    [DELETE => "treating/$Petit"], [PUT => 'masks/martin-consultation-1'],
    [DELETE => 'masks/martin-consultation-1'],
    [PUT => 'emergency', { masked => $True }],
    [PUT => 'status', { status => 'open' }],
    [PUT => 'status', { status => 'closed' }]);
set_record(status => 'closed', treating => [$Leroy], authorisations => {
    $Petit => granted() });
for my $request (@requests) {
    my ($method, $path, @body) = @$request;
    refused("absent: $method $path", '403 C1 record-absent', 'petit',
        $method => "$none/$path", @body);
    refused("closed: $method $path", '403 C2 record-closed', 'petit',
        $method => "$Record/$path", @body);
    refused("closed, treating: $method $path", '403 C2 record-closed',
        'leroy', $method => "$Record/$path", @body);
}



=== TEST 14: emergencies change no rights
--- code
set_record(treating => [$Leroy]);
my @traits = ('DMP-Justification: une%20raison%20de%20lire',
    'DMP-Patient-Family: MARTIN', 'DMP-Patient-Given: Jeanne',
    'DMP-Patient-Birthdate: 1985-03-02');
for my $mode (qw(bris-de-glace centre-15)) {
    my @mode = (headers => ["DMP-Access-Mode: $mode", @traits]);
    refused("$mode: oneself", '403 E1 right-missing', 'petit',
        PUT => "$Record/authorisations/$Petit", { consent => $True }, @mode);
    refused("$mode: a block", '403 E1 right-missing', 'leroy',
        PUT => "$Record/blocks/$Petit", undef, @mode);
    refused("$mode: a mask", '403 E1 right-missing', 'leroy',
        PUT => "$Record/masks/martin-consultation-1", undef, @mode);
}
refused('bris-de-glace: a question', '403 G7 mode-unavailable', 'petit',
    GET => $Record, undef, headers => ['DMP-Access-Mode: bris-de-glace', @traits]);
refused('centre-15: a question', '403 G5 not-regulator', 'petit',
    GET => $Record, undef, headers => ['DMP-Access-Mode: centre-15']);
my ($r) = refused('no hint at it', '403 E1 right-missing', 'petit',
    PUT => "$Record/blocks/$Roux");
ok(!exists $r->{json}{bris_de_glace}, 'bris de glace opens none of this');



=== TEST 15: the state of a record, as who asks may see it
--- code
set_record(treating => [$Leroy], blocked => [$Roux], masked => [$Of_petit],
    authorisations => { $Petit => granted(), $Pharmacien =>
        { since => '2020-01-01', until => '2021-01-01' } });
my %of = (ins => $Martin, status => 'open', treating => $False);
my %wanted = (
    petit => { %of, authorisation => 'VALIDE' },
    morel => { %of, authorisation => 'NON_EXISTE' },
    roux => { %of, authorisation => 'INTERDIT' },
    pharmacien => { %of, authorisation => 'EXPIRE' },
    structure => { %of, authorisation => 'NON_EXISTE' },
    cpe => { %of, authorisation => 'NON_EXISTE' },
    leroy => { %of, authorisation => 'VALIDE', treating => $True,
        emergency => { bris_de_glace => $True, centre_15 => $True,
            masked => $False },
        authorisations => { $Petit => { since => '2020-01-01',
            until => '2096-01-01' }, $Pharmacien => { since => '2020-01-01',
            until => '2021-01-01' } },
        blocked => [$Roux], treating_physicians => [$Leroy],
        masked => [$Of_petit], mask_by_default => $False, unmasked => [] });
for my $http ('1.1', '2') {
    for my $as (sort CORE::keys %wanted) {
        my $w = watched(sub { api($as, GET => $Record, undef, http => $http) });
        my ($r, $b) = ($w->{r}, $w->{entries}[-1]{body});
        is($r->{status}, 200, "HTTP/$http: $as");
        is_answer($r, $as, 'application/json');
        is_deeply($r->{json}, $wanted{$as}, "$as: what they see");
        is("$b->{kind} $b->{decision} $b->{operation} $b->{transaction}",
            'access allow check TD0.2', "$as: the entry");
        is_deeply([$w->{moved}, $w->{notices}], [[], []], "$as: no change");
    }
    my $r = api('petit', HEAD => $Record, undef, http => $http);
    is($r->{status}, 200, "HTTP/$http: HEAD");
    is($r->{body}, $r->{head}, 'a head, and nothing after it');
    is_answer($r, 'HEAD', 'application/json');
}
set_record(status => 'closed', treating => [$Leroy]);
is_deeply(api('leroy', GET => $Record)->{json}, { %of, status => 'closed',
    authorisation => 'VALIDE', treating => $True }, 'closed: no more than that');
set_record(treating => [$Leroy], blocked => [$Leroy]);
is_deeply(api('leroy', GET => $Record)->{json}, { %of,
    authorisation => 'INTERDIT' }, 'blocked: nor there');
is_deeply(api('leroy', GET => "/api/records/$Paoli")->{json}, { ins => $Paoli,
    status => 'absent', authorisation => 'NON_EXISTE', treating => $False },
    'no record');



=== TEST 16: without a card
--- code
set_record(treating => [$Leroy]);
for my $request ([GET => $Record], [PUT => "$Record/blocks/$Petit"],
    [PUT => "$Record/authorisations/$Petit", { consent => $True }],
    [GET => '/api/x'])
{
    my ($method, $path, @body) = @$request;
    my $w = watched(sub { api(undef, $method => $path, @body) });
    is_refusal($w->{r}, "$method $path", 401, 'authentication-required');
    like($w->{r}{headers}{'www-authenticate'}, qr/^Bearer/, 'what is needed');
    is_deeply($w->{moved}, [], 'no record has moved');
    $w = watched(sub { api('revoked', $method => $path, @body) });
    is($w->{r}{status}, 400, 'nginx itself refuses a revoked card');
    is_deeply($w->{moved}, [], 'no record has moved');
}
my $r = api('petit', GET => $Record, undef,
    headers => ['Authorization: Bearer x']);
is($r->{status}, 401, 'a token that is none');
is($r->{json}{reason}, 'token-rejected', 'for that');



=== TEST 17: changes at once are all in the record
Each is made on the record as it stands when it is made.
--- dmp
(http => 'dmp_directory_valid 10m;')
--- code
set_record(treating => [$Leroy], authorisations => {});
# whose entries of the directory are here need not be asked for
is(api($_, GET => $Record)->{status}, 200, $_) for qw(leroy morel roux petit);
my ($mark, $before) = (trace_mark(), versions());
my $loads = commands(qr/^HMGET \S+:rec:/);
$Fake->on('load');
my @requests = map { parked(api_request(@$_)) } (
    ['leroy', PUT => "$Record/blocks/$Petit"],
    ['morel', PUT => "$Record/authorisations/$Morel", { consent => $True }],
    ['roux', PUT => "$Record/authorisations/$Roux", { consent => $True }]);
wait_for { commands(qr/^HMGET \S+:rec:/) == $loads + 3 } 'all to have asked';
# all three are answered by the store before any has made its change
$Fake->off('load');
is(unparked($_)->{status}, 200, 'made') for @requests;
my $record = record();
is_deeply($record->{blocked}, [$Petit], 'the block');
is_deeply([sort CORE::keys %{ $record->{authorisations} }], [$Morel, $Roux],
    'and the authorisations');
my ($v) = values %{ { map { $_ => versions()->{$_} }
    grep { versions()->{$_} ne $before->{$_} } CORE::keys %$before } };
my @changes = trace($mark, qr/^change$/);
is(join(' ', sort map { $_->{outcome} } @changes), '0 0 0 R R R',
    'made on what was there, or made anew');
my @made = map { $_->{body}{new_version} } grep { $_->{outcome} eq 'R' } @changes;
is_deeply(\@made, [$v - 2, $v - 1, $v], 'each one version more');
verify_trace();
pass('the trace is whole');



=== TEST 171: however many of them there are
Ten on one connection; each meets all those that come before it.
--- dmp
(http => 'dmp_directory_valid 10m;')
--- code
set_record(treating => [$Leroy]);
is(api('leroy', GET => $Record)->{status}, 200, 'who is known by now');
my @who = map { "8997009000$_" } 11 .. 20;
my ($mark, $before) = (trace_mark(), versions());
my $loads = commands(qr/^HMGET \S+:rec:/);
my $c = DMP::Connection->open(as => 'leroy', http => '2');
my ($frame, $text) = (\&DMP::Connection::frame, \&DMP::Connection::text);
$Fake->on('load');
$c->write(join '', map { $frame->(1, 0x5, 2 * $_ + 1, join '', "\x87", "\x02",
    $text->('PUT'), "\x04", $text->("$Record/blocks/$who[$_]"), "\x01",
    $text->('localhost')) } 0 .. 9);
wait_for { commands(qr/^HMGET \S+:rec:/) == $loads + 10 } 'all to have asked';
$Fake->off('load');
is($c->answer(2 * $_ + 1)->{status}, 200, "$_: made") for 0 .. 9;
is_deeply([sort @{ record()->{blocked} }], \@who, 'all of them');
my @changes = trace($mark, qr/^change$/);
is(scalar(grep { $_->{outcome} eq 'R' } @changes), 10, 'each made once');
my %again;
$again{ $_->{body}{trace} }++ for grep { $_->{outcome} eq '0' } @changes;
cmp_ok((sort { $a <=> $b } values %again)[-1], '>', 3, 'and anew as often as it took');
verify_trace();
pass('the trace is whole');



=== TEST 172: a record as large as may be imported has room for a block
--- code
my $empty = { ins => $Martin, status => 'open', treating => [$Leroy],
    authorisations => { $Petit => granted() }, masked => [] };
my $size = 240 * 1024 - length($codec->encode($empty));
# with its quotes and a comma, each has 250 bytes; the first, what is left over
my $n = int(($size - 3) / 250);
my @names = ('x' x ($size - 250 * $n - 2), map { sprintf '%0247d', $_ } 1 .. $n);
my $large = { %$empty, masked => \@names };
is(length $codec->encode($large), 240 * 1024, 'of 240 KiB');
import_records($codec->encode($large));
my ($r) = made('by the API', "rights block $Petit", 1, 'leroy', PUT => "$Record/blocks/$Petit");
is(scalar @{ $r->{json}{masked} }, $n + 1, 'with all that is masked');
dmpctl('record', 'block', $Martin, $Roux, keys_of('--policy', policy(),
    '--audit-key', DMP::keys() . '/audit.key', '--node', 'operator'));
is_deeply([sort @{ record()->{blocked} }], [$Petit, $Roux], 'and by an operator');
is(reads('petit'), 403, 'who reads no more');
import_records($codec->encode($large));
$r = api('morel', PUT => "$Record/authorisations/$Morel", { consent => $True });
is("$r->{status} $r->{json}{reason}", '403 change-not-allowed', 'and none for what adds to it');
is_deeply([CORE::keys %{ record()->{authorisations} }], [$Petit], 'which changes nothing');



=== TEST 18: a change that meets another on its way
--- code
for my $case (
    ['that leaves it its sense', 200, { blocked => [$Roux] }],
    ['that takes it away', 403, { blocked => [$Petit] }],
    ['that closes the record', 403, { status => 'closed' }])
{
    my ($name, $want, $meanwhile) = @$case;
    set_record(authorisations => { $Morel => granted() });
    my ($mark, $n) = (trace_mark(), commands(qr/^FCALL dmp1_change/));
    redis('HSET', 'dmp:meta', 'deadline_ms', 5000);
    reload();
    wait_for { worker_pids() == 1 } 'one worker';
    wait_for { api('roux', GET => $Record)->{status} == 200 } 'the gateway';
    redis('HSET', 'dmp:meta', 'deadline_ms', 1);
    $Fake->on('commit');
    my $request = parked(api_request('petit',
        PUT => "$Record/authorisations/$Petit", { consent => $True }));
    wait_for { commands(qr/^FCALL dmp1_change/) > $n } 'its commit';
    # by another gateway, or an operator
    set_record(authorisations => { $Morel => granted() }, %$meanwhile);
    my $since = record();
    $Fake->off('commit');
    my $r = unparked($request);
    is($r->{status}, $want, "$name: its answer");
    my @all = map { "$_->{body}{kind} $_->{body}{decision} $_->{outcome}" }
        grep { $_->{body}{trace} eq $r->{trace} } trace($mark);
    is_deeply(\@all, ['change allow 0', $want == 200 ? 'change allow R'
        : 'access deny 1'], 'decided anew');
    my $is = record();
    my $mine = delete $is->{authorisations}{$Petit};
    is_deeply($is, $since, 'what the other made of it is kept');
    is(defined $mine ? 200 : 403, $want, 'and this one is in it, or is not');
}
redis('HSET', 'dmp:meta', 'deadline_ms', 250);
verify_trace();
pass('the trace is whole');



=== TEST 19: dmp_api is protected by itself, and has its location to itself
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; dmp on; }')
--- must_die
--- error_log
"dmp" directive cannot be beside "dmp_api", which is protected by itself



=== TEST 20: nor the other way round
--- http_config eval: DMP::config(server => 'location /api/ { dmp on; dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive cannot be beside "dmp" or "dmp_denied": it is protected by itself



=== TEST 21: nor where everything is denied
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; dmp_denied; }')
--- must_die
--- error_log
"dmp_denied" directive cannot be beside "dmp_api": nothing is allowed there



=== TEST 22: nor the other way round
--- http_config eval: DMP::config(server => 'location /api/ { dmp_denied; dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive cannot be beside "dmp" or "dmp_denied": it is protected by itself



=== TEST 23: nor with FHIR
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; dmp_resource fhir; }')
--- must_die
--- error_log
"dmp_resource" directive cannot be beside "dmp_api": give each a location of its own



=== TEST 24: nor the other way round
--- http_config eval: DMP::config(server => 'location /api/ { dmp_resource fhir; dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive cannot be beside "dmp_resource": give each a location of its own



=== TEST 25: nor twice
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive is duplicate



=== TEST 26: it needs a location that is a plain prefix
--- http_config eval: DMP::config(server => 'location ~ ^/api/ { dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive needs a location that is a plain prefix



=== TEST 27: which a named one is not
--- http_config eval: DMP::config(server => 'location @api { dmp_api; }')
--- must_die
--- error_log
"dmp_api" directive needs a location that is a plain prefix



=== TEST 28: and what every protected location needs
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; }', locations => '') =~ s/^\s*dmp_policy [^;]*;//mr
--- must_die
--- error_log
"dmp_api" needs "dmp_policy" in



=== TEST 29: satisfy any would let in whom nobody decided about
--- http_config eval: DMP::config(server => 'location /api/ { dmp_api; satisfy any; }')
--- must_die
--- error_log
satisfy any



=== TEST 30: a location further in is protected, and has no calls of its own
--- dmp
server => 'location /api/ { dmp_api; client_max_body_size 0; '
    . 'location /api/records/x { error_page 404 /none; } '
    . 'if ($http_user_agent) { set $nothing 1; } }'
--- code
is(api('petit', GET => $Record)->{status}, 200, '"if" is of the same base');
refused('further in', '400 B1 operation-unknown', 'petit',
    GET => "/api/records/x$Martin");
is(api(undef, GET => "/api/records/x")->{status}, 401, 'as well protected');
