# What bris de glace asks for in words: the justification and the patient's
# traits, in every spelling that must be one, and in those that must be none.
# Each refusal is told and traced; nothing of it reaches the host, and what was
# written stands nowhere in the store but sealed.

use strict;
use warnings;
use utf8;

use lib 't/lib';
use DMP;
use Emergency qw(gateway centre record flags uri bris on_path id_of reason_of
    received forwarded store_bytes in_words open_seal);
use Encode ();
use JSON::PP;
use Test::More;
use Unicode::Normalize qw(NFC NFD);

our $Ins = '285037512000151';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8%7C$Ins";

our $Ok = '200 allow G2 none';
our $Missing = '403 deny G3 justification-missing';
our $Mismatch = '403 deny G4 traits-mismatch';
our $Ambiguous = '400 deny B1 request-ambiguous';
our $Large = '413 deny B1 request-ambiguous';

centre('regulator');
import_records(record($Ins));

# What the last request was traced as.
our $Entry;

# A search with these headers: "STATUS decision rule reason", over both
# versions; and that what is refused reaches nobody.
sub verdict_is
{
    my ($want, $name, $headers, %o) = @_;

    my $path = delete $o{path} // 'normal';

    for my $http ('1.1', '2') {
        my $mark = trace_mark();
        my $seen = -s DMP::backend_log() // 0;
        my $r = request(on_path($path, as => 'petit', get => $Search, http => $http,
            headers => $headers, %o));
        my @entries = trace($mark);
        my $b = $entries[-1]{body} // {};

        is(join(' ', $r->{status}, map { $_ // '-' } @$b{qw(decision rule reason)}),
            $want, "$name, HTTP/$http") or diag(substr $r->{body}, 0, 500);

        my ($status, undef, undef, $reason) = split ' ', $want;

        is(reason_of($r->{json}) // 'none', $reason, "$name: as it is told");
        is(scalar(received($seen)), $status == 200 ? 1 : 0, "$name: who hears of it");

        $Entry = $entries[-1];
    }
}

sub justified
{
    my ($want, $value, $name) = @_;

    verdict_is($want, "justification: $name", [bris(justification => $value)]);
}

# A record with these traits.
sub known_as
{
    my (%traits) = @_;

    import_records(record($Ins, traits => \%traits));
}

# trait => text as it is, or a reference to what is sent
sub named
{
    my ($want, %traits) = @_;

    my $name = join ', ', map { "$_ " . (ref $traits{$_} ? ${ $traits{$_} } // 'not given'
        : "\"$traits{$_}\"") } sort CORE::keys %traits;

    verdict_is($want, Encode::encode_utf8($name), [bris(map { $_ =>
        ref $traits{$_} ? ${ $traits{$_} } : uri($traits{$_}) } CORE::keys %traits)]);
}

# Those that match the record, and those that do not.
sub same { my ($trait, @texts) = @_; named($Ok, $trait => $_) for @texts }
sub other { my ($trait, @texts) = @_; named($Mismatch, $trait => $_) for @texts }

add_block_preprocessor(sub {
    my ($block) = @_;

    $block->set_value(http_config =>
        gateway(defined $block->dmp ? DMP::Block::perl($block, $block->dmp) : ()));
});

DMP::run();

__DATA__

=== TEST 1: ten visible characters
--- code
justified($Ok, 'Urgences.!', 'ten');
justified($Missing, 'Urgences.', 'nine');
justified($Missing, undef, 'none');
justified($Missing, '', 'empty');
justified($Ok, '%C3%A9' x 10, 'ten of two bytes');
justified($Missing, '%C3%A9' x 9, 'nine of two bytes');
justified($Ok, '%F0%9F%9A%91' x 10, 'ten of four bytes');
justified($Missing, 'U.R.G.E.N%20%20', 'nine, and blanks');
justified($Ok, 'U R G E N C E S . !', 'ten, and blanks between them');



=== TEST 2: what nobody sees does not count
--- code
justified($Missing, '%20' x 40, 'blanks');
justified($Missing, '%C2%A0' x 40, 'blanks that do not break');
justified($Missing, '%E2%80%8B' x 40, 'of no width');
justified($Missing, '%E2%80%83%E3%80%80' x 20, 'wide ones');
justified($Missing, 'Urgence' . '%CC%81' x 40, 'accents upon accents');
justified($Missing, '%C2%AD' x 40, 'hyphens that may be');
justified($Missing, '%09%0A%0D%20' x 20, 'white space of lines');



=== TEST 3: lines are words, any other control character is none
--- code
justified($Ok, 'Urgence%0Avitale%0D%0A%09ici', 'lines and a tab');
justified($Ok, "Urgence\tvitale", 'a tab as it is');
justified($Missing, 'A%0AB%0AC%0AD%0A', 'which count as white space');
justified($Ambiguous, "Urgence vitale $_", "control character $_")
    for qw(%00 %01 %07 %08 %0B %0C %1B %1F %7F %C2%80 %C2%85 %C2%9F);
justified($Ambiguous, '%00Urgence vitale', 'at the beginning');



=== TEST 4: percent-encoding that is none
--- code
justified($Ambiguous, "Urgence vitale$_", "ends with $_") for qw(% %4 %G %GZ %4G %%);
justified($Ambiguous, '%', 'alone');
justified($Ambiguous, 'Urgence%u00e9 vitale', '%u');
justified($Ambiguous, 'Urgence% 41vitale', 'a blank in it');
justified($Ambiguous, 'Urgence%+1vitale', 'a sign in it');
justified($Ok, 'Urgence%c3%a9%C3%A9 vitale', 'of either case');
justified($Ok, 'Urgence%2520vitale', 'decoded once');
is(open_seal(@{ $Entry->{body} }{qw(justification trace)}, 'justification', 1),
    'Urgence%20vitale', 'and no more');
justified($Ok, 'Urgence+vitale', 'a plus');
is(open_seal(@{ $Entry->{body} }{qw(justification trace)}, 'justification', 1),
    'Urgence+vitale', 'is a plus');



=== TEST 5: bytes that are no UTF-8
--- code
justified($Ambiguous, "Urgence vitale$_->[0]", $_->[1]) for
    ['%C3', 'half a character'], ['%C3%28', 'another half'], ['%A9', 'the other half'],
    ['%E2%82', 'two of three'], ['%FF', 'no first byte'], ['%FE', 'nor this'],
    ['%C0%AF', 'a slash in two bytes'], ['%E0%80%AF', 'in three'],
    ['%C1%81', 'a letter in two'], ['%F0%80%80%AF', 'a slash in four'],
    ['%ED%A0%80', 'half a pair'], ['%ED%BF%BF', 'the other half'],
    ['%ED%A0%BD%ED%B0%80', 'a pair'], ['%F4%90%80%80', 'beyond the last one'],
    ['%F8%88%80%80%80', 'of five bytes'], ['%E9', 'Latin-1'];
justified($Ok, 'Urgence vitale%F4%8F%BF%BF', 'the last one there is');



=== TEST 6: bytes that are not encoded are not read, UTF-8 or not
--- code
justified($Ambiguous, Encode::encode_utf8('Détresse respiratoire'), 'UTF-8 as it is');
justified($Ambiguous, Encode::encode('iso-8859-1', 'Détresse respiratoire'), 'Latin-1 as it is');
verdict_is($Ambiguous, 'a name as it is', [bris(family => Encode::encode_utf8('Lefèvre'))]);



=== TEST 7: no more than a thousand characters, or 4096 bytes as they are sent
--- code
justified($Ok, 'a' x 1000, 'a thousand');
justified($Large, 'a' x 1001, 'and one');
justified($Ok, '%C3%A9' x 600 . 'a' x 400, 'a thousand, of two bytes too');
justified($Large, '%C3%A9' x 600 . 'a' x 401, 'and one');
justified($Large, '%C3%A9' x 1001, '1001 of two bytes');
justified($Ok, '%C3%A9' x 682 . 'a' x 4, '4096 bytes');
justified($Large, '%C3%A9' x 682 . 'a' x 5, '4097');
justified($Large, '%20' x 1001, 'blanks are characters');
justified($Large, 'a' x 4097, '4097 bytes of as many characters');



=== TEST 8: a header given twice, or in another spelling
nginx itself drops a name with "_" unless it is told otherwise.
--- code
my @bris = bris();
for my $name (map { $_->[0] } @bris) {
    my ($value) = map { $_->[1] } grep { $_->[0] eq $name } @bris;
    verdict_is($Ambiguous, "$name twice", [@bris, [$name => $value]]);
    verdict_is($Ambiguous, lc "$name twice, in two cases", [@bris, [lc $name => $value]]);
}
my $header = [DMP_Justification => 'Urgence%20vitale'];
verdict_is($Missing, 'with "_" alone: dropped', [bris(justification => undef), $header]);
verdict_is($Ok, 'with "_" beside it: dropped', [@bris, $header]);
verdict_is($Ambiguous, 'one that is not known', [@bris, ['DMP-Justification-2' => 'x']]);
verdict_is($Ambiguous, 'nor this', [@bris, ['X-DMP-Justification' => 'x']]);



=== TEST 9: where nginx lets such a name pass, we do not
--- dmp: server => 'underscores_in_headers on;'
--- code
my @bris = bris();
for my $name (map { $_->[0] } @bris) {
    my ($value) = map { $_->[1] } grep { $_->[0] eq $name } @bris;
    my @others = grep { $_->[0] ne $name } @bris;
    my $folded = [$name =~ tr/-/_/r => $value];
    verdict_is($Ambiguous, "$folded->[0] alone", [@others, $folded]);
    verdict_is($Ambiguous, "$folded->[0] beside it", [@bris, $folded]);
}



=== TEST 10: names: case, accents, and both ways to write them
--- code
known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => '1985-03-02');
same(given => 'Zoé', 'ZOÉ', 'ZOE', 'Zoe', 'zoé', NFD('zoé'), NFD('ZOÉ'), ' zoé ', 'Zo-é');
same(family => 'Lefèvre', 'LEFEVRE', 'lefévre', NFD('Lefèvre'), 'Le Fèvre', 'LE-FEVRE');
other(given => 'Zo', 'Zoée', 'Zoë Marie', 'Oé', 'Chloé');
other(family => 'Lefebvre', 'Lefè', 'Fèvre', 'Lefèvre-Martin');
known_as(family => 'Lefevre', given => NFD('ZOÉ'), birthdate => '1985-03-02');
same(given => NFC('Zoé'), NFD('Zoé'), 'ZOE');
same(family => 'Lefèvre');



=== TEST 11: names: apostrophes, hyphens, particles, letters of two
--- code
known_as(family => "D'Arc", given => 'Zoé', birthdate => '1985-03-02');
same(family => "D'Arc", 'D’Arc', 'd‘arc', 'DARC', 'D ARC', 'd-arc', 'D`ARC', 'Dʼarc');
other(family => 'Arc', 'Dark', 'd/arc', 'd"arc');
known_as(family => 'O’Neil', given => 'Zoé', birthdate => '1985-03-02');
same(family => 'O’Neil', "O'NEIL", 'ONEIL', 'O Neil', 'o-neil');
other(family => 'Neil', 'O’Neill');
known_as(family => 'de la Tour', given => 'Zoé', birthdate => '1985-03-02');
same(family => 'de la Tour', 'DELATOUR', 'De La Tour', 'de-la-tour', 'DE  LA  TOUR');
other(family => 'Tour', 'la Tour', 'Tour de la', 'DE+LA+TOUR', 'de%20la%20tour');
known_as(family => 'LŒUILLET-MÜLLER', given => 'Lætitia', birthdate => '1985-03-02');
named($Ok, family => $_, given => 'LAETITIA') for 'Loeuillet Muller',
    'LŒUILLETMULLER', 'lœuillet müller';
named($Mismatch, family => $_, given => 'Lætitia') for 'Loeuillet', 'Leuillet Muller';



=== TEST 12: given names: any of them, or several that follow each other
--- code
known_as(family => 'LEFÈVRE', given => 'Jean-Pierre', birthdate => '1985-03-02');
same(given => 'Jean-Pierre', 'Jean Pierre', 'JEANPIERRE', 'jean-pierre');
other(given => 'Jean', 'Pierre', 'Pierre-Jean');
known_as(family => 'LEFÈVRE', given => 'Anne Marie, Lucie', birthdate => '1985-03-02');
same(given => 'Anne', 'marie', 'LUCIE', 'Anne-Marie', 'Marie Lucie', 'Anne Marie Lucie');
other(given => 'Anne Lucie', 'Lucie Anne', 'Ann', 'Luc', 'Anne Marie Lucie Rose');



=== TEST 13: the family name in use, or that of birth
--- code
known_as(family => 'LEFÈVRE', birth_family => 'DUPRÉ', given => 'Zoé', birthdate => '1985-03-02');
same(family => 'Lefèvre', 'Dupré', 'DUPRE');
other(family => 'Lefèvre Dupré', 'Dupré-Lefèvre', 'Zoé');
known_as(birth_family => 'DUPRÉ', given => 'Zoé', birthdate => '1985-03-02');
same(family => 'Dupré');
other(family => 'Lefèvre');



=== TEST 14: the birth date, a day of the calendar
--- code
known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => '1985-03-02');
other(birthdate => '1985-03-03', '1985-02-03', '1958-03-02', '2085-03-02');
other(birthdate => '1985-03-00', '1985-03', '1985-00-00', '1985');
named($Ambiguous, birthdate => $_) for ('1985-00-02',
    '1985-02-30', '1985-13-01', '0000-03-02', '1985-3-2', '19850302', '85-03-02',
    '02/03/1985', '1985-13-00', '1985-3', '1985-03-02T00:00:00Z', ' 1985-03-02', '1985-03-02 ',
    '1985-03-0２');
named($Ok, birthdate => \'%31%39%38%35-03-02');
named($Ambiguous, birthdate => \'');
named($Mismatch, birthdate => \undef);



=== TEST 15: what the record does not hold is not compared
--- code
known_as(family => 'LEFÈVRE', given => 'Zoé');
named($Ok, birthdate => $_) for '1985-03-02', '1901-01-01';
named($Ok, birthdate => \undef);
named($Ok, birthdate => '1985-03-00');
named($Mismatch, birthdate => '1985-03-02', given => 'Anne');
known_as(family => 'LEFÈVRE', birthdate => '1985-03-02');
named($Ok, given => $_) for 'Zoé', 'Anne';
named($Ok, given => \undef);
named($Mismatch, family => 'Martin');
known_as(given => 'Zoé', birthdate => '1985-03-02');
named($Ok, family => 'Martin');
named($Mismatch, given => 'Anne');
known_as(family => '-', given => ' ', birthdate => '1985-03-02');
named($Ok, family => 'Martin', given => 'Anne');
named($Mismatch, birthdate => '1985-03-03');
import_records(record($Ins, traits => {}));
named($Ok, family => \undef, given => \undef, birthdate => \undef);



=== TEST 16: a day of birth that is not known, nor its month
--- code
for my $form ('1985-03', '1985-03-00') {
    known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => $form);
    named($Ok, birthdate => $_) for '1985-03-02', '1985-03-31', '1985-03', '1985-03-00';
    other(birthdate => '1985-04-02', '1984-03-02', '1985-04-00', '1985', '1985-00-00');
}
for my $form ('1985', '1985-00-00') {
    known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => $form);
    named($Ok, birthdate => $_) for '1985-03-02', '1985-12', '1985-12-00', '1985', '1985-00-00';
    other(birthdate => '1984-03-02', '1984');
}
for my $none ('1985-00-02', '1985-02-30', '85', '') {
    my $import = eval { known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => $none); 1 };
    ok(!$import, "\"$none\" is refused");
    like($@, qr/birthdate/, 'by the name of the member');
    unlike($@, qr/LEF|Zo|1985/, 'without a word of what it said');
}



=== TEST 17: traits that are missing, or none
--- code
known_as(family => 'LEFÈVRE', given => 'Zoé', birthdate => '1985-03-02');
named($Mismatch, $_ => \undef) for qw(family given birthdate);
named($Mismatch, $_ => \'') for qw(family given);
named($Mismatch, family => \undef, given => \undef, birthdate => \undef);
named($Mismatch, $_ => \'%20-%20') for qw(family given);
for my $trait (qw(family given)) {
    named($Ambiguous, $trait => \$_) for '%', 'Zo%4', 'Zo%GZ', 'Zo%C3', 'Zo%FF',
        'Zo%C0%AF', 'Zo%ED%A0%80', 'Zo%00', '%09Zo', 'Zo%0A', 'Zo%0D', 'Zo%1B', 'Zo%7F', 'Zo%C2%85';
    named($Mismatch, $trait => 'a' x 200);
    named($Large, $trait => 'a' x 201);
    named($Large, $trait => \('%61' x 201));
    named($Mismatch, $trait => \('%F0%9F%9A%91' x 200));
    named($Large, $trait => \('%F0%9F%9A%91' x 200 . 'a'));
}



=== TEST 18: which comes first
--- code
verdict_is($Ambiguous, 'what cannot be read is not judged',
    [bris(justification => 'court', family => '%')]);
verdict_is($Missing, 'the justification comes before the names',
    [bris(justification => 'court', family => 'Martin')]);
import_records(record($Ins, flags(0, 1, 1)));
verdict_is('403 deny G2 emergency-opposed', 'and the patient before both',
    [bris(justification => undef, family => 'Martin')]);
import_records(record($Ins, blocked => [id_of('petit')]));
verdict_is('403 deny F1 blocked', 'and a block before that', [bris()]);
import_records(record($Ins));



=== TEST 19: what is sent in another mode is read as well, and not kept
--- code
import_records(record($Ins, authorisations => { id_of('petit') =>
    { since => '2020-01-01', until => '2100-01-01', by => 'patient' } }));
my @words = grep { $_->[0] ne 'DMP-Access-Mode' } bris();
verdict_is('200 allow G1 none', 'normal', \@words);
ok(!exists $Entry->{body}{justification}, 'nothing in the trace');
verdict_is('200 allow G1 none', 'other names', [['DMP-Patient-Family' => 'Martin']]);
verdict_is($Ambiguous, 'normal, and unreadable', [['DMP-Justification' => '%']]);
verdict_is($Large, 'normal, and too long', [['DMP-Justification' => 'a' x 1001]]);
verdict_is('200 allow G5 none', 'centre 15', \@words, as => 'regulator', path => 'centre-15');
ok(!exists $Entry->{body}{justification}, 'nothing there either');
verdict_is($Ambiguous, 'centre 15, and unreadable', [['DMP-Patient-Given' => '%C3']],
    as => 'regulator', path => 'centre-15');
import_records(record($Ins));



=== TEST 20: the mode is one of three words
--- code
for my $mode ('urgence', 'Normal', 'BRIS-DE-GLACE', 'bris de glace', 'bris_de_glace',
    'centre15', 'centre-15,normal', 'normal, normal', '%6Eormal', '"normal"', '1', '')
{
    verdict_is($Ambiguous, "mode \"$mode\"", [bris(mode => $mode)]);
}
verdict_is($Ambiguous, 'two modes', [bris(), ['DMP-Access-Mode' => 'normal']]);
verdict_is($Ambiguous, 'on the other path', [['DMP-Access-Mode' => 'urgence']],
    as => 'regulator', path => 'centre-15');



=== TEST 21: and one that the path offers
--- code
my @c15 = (as => 'regulator', path => 'centre-15');
verdict_is('403 deny G5 not-regulator', 'centre 15 on a normal path', [['DMP-Access-Mode' => 'centre-15']]);
verdict_is('403 deny G5 not-regulator', 'by a regulator, too',
    [['DMP-Access-Mode' => 'centre-15']], as => 'regulator');
is("$Entry->{body}{mode} $Entry->{body}{emergency}", 'centre-15 1', 'traced as it was claimed');
verdict_is('403 deny G7 mode-unavailable', 'normal on that of centre 15',
    [['DMP-Access-Mode' => 'normal']], @c15);
is("$Entry->{body}{mode} $Entry->{body}{emergency}", 'normal 0', 'traced as it was claimed');
verdict_is('403 deny G7 mode-unavailable', 'bris de glace there', [bris()], @c15);
is("$Entry->{body}{mode} $Entry->{body}{emergency}", 'bris-de-glace 1', 'traced as it was claimed');
verdict_is('200 allow G5 none', 'its own', [['DMP-Access-Mode' => 'centre-15']], @c15);
verdict_is('200 allow G5 none', 'none', [], @c15);
is("$Entry->{body}{mode} $Entry->{body}{emergency}", 'centre-15 1', 'is its own');



=== TEST 22: the justification is in the trace, sealed for its entry alone
--- code
my $text = "Patiente inconsciente, glycémie à 0,2\net personne ne la connaît";
my @kept;
for my $given ('Zoé', 'Zoé', 'Anne') {
    verdict_is($given eq 'Zoé' ? $Ok : $Mismatch, 'as it is',
        [bris(justification => uri($text), given => uri($given))]);
    push @kept, $Entry->{body};
}
for my $b (@kept) {
    is($b->{mode}, 'bris-de-glace', 'the mode');
    is(length Emergency::bytes_of($b->{justification}),
        length(Encode::encode_utf8($text)) + 33, 'as long as it is, and its seal');
    is(open_seal($b->{justification}, $b->{trace}, 'justification', 1), $text, 'it opens');
    ok(!eval { open_seal($b->{justification}, $b->{trace}, 'details', 1); 1 }, 'not as another field');
    ok(!eval { open_seal($b->{justification}, $b->{trace}, 'justification', 2); 1 }, 'or version');
}
ok(!eval { open_seal($kept[0]{justification}, $kept[1]{trace}, 'justification', 1); 1 },
    'nor in another entry');
isnt($kept[0]{justification}, $kept[1]{justification}, 'the same words, twice, are not the same');
is($kept[2]{decision}, 'deny', 'it is kept of what is refused, too');



=== TEST 23: neither it nor a name stands anywhere in clear
--- code
my %said = (justification => 'Choc anaphylactique, Quincke', family => 'Zyxwvutsr-Qponm',
    given => 'Abracadabranta', birthdate => '1931-07-19');
import_records(record($Ins, traits => { family => 'ZYXWVUTSR QPONM', given => 'ABRACADABRANTA',
    birthdate => '1931-07-19' }));
my @headers = bris(map { $_ => uri($said{$_}) } CORE::keys %said);
verdict_is($Ok, 'served', \@headers);
verdict_is($Mismatch, 'another', [bris(map({ $_ => uri($said{$_}) } CORE::keys %said),
    given => 'Abracadabrantes')]);
verdict_is($Ambiguous, 'unreadable', [bris(map({ $_ => uri($said{$_}) } CORE::keys %said),
    birthdate => '1931-07-19x')]);
my %place = ('the store' => store_bytes(), 'the error log' => slurp(DMP::error_log()));
my %name = (%said, folded => 'zyxwvutsrqponm', capitals => 'ZYXWVUTSR', refused => 'Abracadabrantes');
for my $where (sort CORE::keys %place) {
    for my $what (sort CORE::keys %name) {
        my @found = grep { index($place{$where}, $_) >= 0 } in_words($name{$what});
        is_deeply(\@found, [], "$where: no $what");
    }
}
# if it did stand there it would be found
for my $form (Encode::encode_utf8('xx' . $said{justification}), uri($said{justification}),
    map { Emergency::base64url(('-' x $_) . $said{justification} . '..') } 0 .. 2)
{
    redis('HSET', 'probe', 'value', $form);
    my $store = store_bytes();
    ok((grep { index($store, $_) >= 0 } in_words($said{justification})), "\"$form\" would be found");
}
redis('DEL', 'probe');
unlike(slurp(DMP::backend_log()), qr/dmp-(?:access|justification|patient)|Zyxw|Quincke/i,
    'nor in what the record host received');



=== TEST 24: the log says which header, and not what it held
--- code
my $from = -s DMP::error_log();
verdict_is($Ambiguous, 'justification', [bris(justification => 'Quincke%')]);
verdict_is($Large, 'too long', [bris(justification => 'Quincke' x 200)]);
verdict_is($Ambiguous, 'name', [bris(given => 'Quincke%FF')]);
verdict_is($Ambiguous, 'date', [bris(birthdate => '1931-00-07')]);
my $log = substr slurp(DMP::error_log()), $from;
like($log, qr/dmp request refused: $_/, $_) for 'DMP-Justification is not percent-encoded UTF-8',
    'DMP-Justification is longer than 1000 characters or 4096 bytes',
    'DMP-Patient-Given is not percent-encoded UTF-8',
    'DMP-Patient-Birthdate is not a date';
unlike($log, qr/Quincke|1931/, 'no more');



=== TEST 25: the trace is whole
--- code
verify_trace();
pass('proved');
