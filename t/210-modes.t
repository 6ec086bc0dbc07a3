# The three modes of access: who, over which path, in which mode, on what, and
# what the patient has said of it.  What is expected comes from the rules, in
# Perl or row by row, and never from the core.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Connection;
use DMP::Pki;
use Emergency qw(gateway centre record grant flags bris on_path id_of reason_of
    hint_of key_of outbox notices entries received forwarded put_document ask_on
    target claiming);
use JSON::PP;
use Test::More;

our $Zoe = '185032A00100142';
our $Nobody = '168112A00405781';       # who has no record

our $SYSTEM = $Emergency::SYSTEM;

DMP::Pki->copy->share->issue('infirmier', 'personnes', 'cps',
    ID => id_of('infirmier'), SN => 'NOEL', GN => 'LEA', TITLE => 'Infirmier',
    PROFESSION => 60);

centre(qw(regulator roux adeli));

# What "professions" and "matrix" say of them, by hand (docs/policy.md): a
# nurse and a pharmacist have a published row, a masseur has none.
our %Profession = (
    (map { $_ => 'doctor' } qw(morel petit leroy roux regulator)),
    pharmacien => 'pharmacist', infirmier => 'nurse', adeli => 'masseur',
);
our %Withheld = (
    doctor => [qw(residence)],
    pharmacist => [qw(psychiatry residence)],
    nurse => [qw(psychiatry residence)],
);
our @Authorised = qw(morel roux pharmacien infirmier adeli notitle);
our @Regulators = qw(regulator roux adeli centre15);
our @Feeding = qw(structure centre15 feeder cpe);

# id => [type, author, how it is masked]
our %Document = (
    'zoe-report' => ['report', 'petit', ''],
    'zoe-psychiatry' => ['psychiatry', 'petit', ''],
    'zoe-residence' => ['residence', 'petit', ''],
    'zoe-secret' => ['report', 'morel', 'label'],
    'zoe-biology' => ['biology', 'petit', 'record'],
    'zoe-dispensed' => ['dispensed', 'pharmacien', 'record'],
);
my $loinc = 'http://loinc.org';
my %type = (report => [$loinc, '11488-4'], psychiatry => [$loinc, '68599-0'],
    biology => [$loinc, '11502-2'], dispensed => [$loinc, '60593-1'],
    residence => ['https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/'
        . 'TRE-A05-TypeDocComplementaire', 'ATTEST-RESID']);

for my $id (CORE::keys %Document) {
    my ($type, $author, $how) = @{ $Document{$id} };

    put_document($Zoe, $id, type => $type{$type}, author => $author,
        $how eq 'label' ? (label => 'MASQUE_PS') : ());
}

sub zoe
{
    my (@flags) = @_;

    my @more = ref $flags[-1] ? %{ pop @flags } : ();

    import_records(record($Zoe, grant(@Authorised), treating => [id_of('leroy'),
        id_of('roux')], blocked => [id_of('roux')], flags(@flags),
        masked => [grep { $Document{$_}[2] eq 'record' } CORE::keys %Document], @more));
}

# ----------------------------------------------- the rules, for a search

sub among { my ($what, @list) = @_; return scalar grep { $_ eq $what } @list }

# The documents that rules H2 and H3 leave.
sub shown
{
    my ($who, $emergency, $masked_too) = @_;

    my $withheld = $Withheld{ $Profession{$who} };

    return sort grep {
        my ($type, $author, $masked) = @{ $Document{$_} };

        ($withheld ? !among($type, @$withheld) : $emergency)
            && (!$masked || ($emergency ? $masked_too
                : $author eq $who || $who eq 'leroy'));
    } CORE::keys %Document;
}

# What has been told of whom; it lasts as long as the store.
our %Told;

# "decision rule reason", documents, notices, hint
sub expected
{
    my ($who, $path, $claimed, $bris_flag, $centre_flag, $masked_flag) = @_;

    my $mode = $claimed ne 'none' ? $claimed : $path;
    my $emergency = $mode ne 'normal';
    my $deny = sub { return ("deny $_[0] $_[1]", [], [], $_[2] // '') };

    return $deny->('D2', 'channel-mismatch') if among($who, @Feeding);
    return $deny->('E1', 'right-missing') if !$Profession{$who};
    return $deny->('F1', 'blocked') if $who eq 'roux';

    return $deny->('G5', 'not-regulator') if $mode eq 'centre-15'
        && ($path ne 'centre-15' || !among($who, @Regulators));
    return $deny->('G7', 'mode-unavailable') if $path eq 'centre-15'
        && $mode ne 'centre-15';

    return $deny->('G1', 'not-authorised', $bris_flag ? 'bris-de-glace' : '')
        if $mode eq 'normal' && !among($who, @Authorised, 'leroy');

    return $deny->('G2', 'emergency-opposed')
        if $mode eq 'bris-de-glace' && !$bris_flag;
    return $deny->('G6', 'emergency-opposed')
        if $mode eq 'centre-15' && !$centre_flag;

    my @notices = (
        $Told{$who}++ ? () : 'first-access',
        $emergency && !$Told{"$who $mode"}++ ? 'emergency-access' : ());

    return ('allow ' . { normal => 'G1', 'bris-de-glace' => 'G2',
        'centre-15' => 'G5' }->{$mode} . ' none',
        [shown($who, $emergency, $masked_flag)], \@notices, '');
}

our $Connections = {};

# What a search comes to, in the same words.
sub searched
{
    my ($who, $path, $claimed, $http) = @_;

    my $c = $Connections->{"$who $path $http"} //= DMP::Connection->open(as => $who,
        http => $http, $path eq 'centre-15' ? (sni => 'cards.test') : ());
    my ($last) = map { $_->[0] }
        @{ redis('XREVRANGE', key_of('trace', $Zoe), '+', '-', 'COUNT', 1) };
    my $seen = -s DMP::backend_log() // 0;
    my $told = outbox($Zoe);

    my $r = ask_on($c, target('search', $Zoe), claiming($claimed));
    my $json = eval { decode_json($r->{body}) };

    # one that was decided on a record that had just changed is before it
    my $entry = (entries($Zoe, $last // '0'))[-1];
    my $b = $entry->{body} // {};
    my @told = notices($Zoe);

    return {
        status => $r->{status}, reason => reason_of($json) // 'none',
        decision => join(' ', map { $_ // '-' } @$b{qw(decision rule reason)}),
        mode => $b->{mode}, emergency => $b->{emergency} ? 'yes' : 'no',
        outcome => $entry->{outcome}, asked => scalar(received($seen)),
        forwarded => scalar(forwarded($seen)), hint => hint_of($json),
        documents => join(' ', sort map { $_->{resource}{id} } @{ $json->{entry} // [] }),
        notices => join(' ', @told[$told .. $#told]),
    };
}

sub search_is
{
    my ($who, $path, $claimed, $http, @flags) = @_;

    my $mode = $claimed ne 'none' ? $claimed : $path;
    my ($decision, $documents, $notices, $hint)
        = expected($who, $path, $claimed, @flags);
    my ($reason) = $decision =~ /(\S+)\z/;
    my $allowed = $decision =~ /^allow/ ? 1 : 0;

    is_deeply(searched($who, $path, $claimed, $http), {
        status => $allowed ? 200 : 403, reason => $reason,
        decision => $decision, mode => $mode,
        emergency => $mode eq 'normal' ? 'no' : 'yes', outcome => 1,
        asked => $allowed, forwarded => $allowed, hint => $hint,
        documents => join(' ', @$documents), notices => join(' ', @$notices),
    }, "$who, path $path, claims $claimed, flags @flags, HTTP/$http");
}


# ------------------------------------------------ other operations, by hand

# each line: who, path, mode claimed, operation; status, decision, rule,
# reason; whether it reaches the host; hint; notice
sub table
{
    my ($text) = @_;

    my %sent = (host => 1, '-' => 0);

    for my $line (grep { /^\s*[a-z]/ } split /\n/, $text) {
        my ($asked, $want) = split /\s*\|\s*/, $line;
        my ($who, $path, $claimed, $operation) = split ' ', $asked, 4;
        my ($status, $decision, $rule, $reason, $host, $hint, $notice)
            = split ' ', $want;

        for my $http ('1.1', '2') {
            # so that what is told is told again
            redis('DEL', key_of('seen', $Zoe));

            my ($mark, $told) = (trace_mark(), scalar outbox($Zoe));
            my $seen = -s DMP::backend_log() // 0;
            my $r = request(on_path($path, as => $who, http => $http,
                get => target($operation, $Zoe), headers => [claiming($claimed)]));
            my @entries = trace($mark);
            my $b = $entries[-1]{body} // {};
            my @told = grep { $_ ne 'first-access' }
                (notices($Zoe))[$told .. outbox($Zoe) - 1];

            my $is = join ' ', $r->{status}, (map { $_ // '?' }
                @$b{qw(decision rule reason)}),
                scalar(forwarded($seen)) ? 'host' : '-',
                hint_of($r->{json}) || '-', @told ? "@told" : '-';

            is($is, join(' ', $status, $decision, $rule, $reason, $host, $hint,
                $notice), "$who, path $path, claims $claimed: $operation, HTTP/$http")
                or diag($r->{body});
            is($b->{mode}, $claimed ne 'none' ? $claimed : $path, 'its mode');
            is($b->{emergency} ? 1 : 0, $b->{mode} eq 'normal' ? 0 : 1, 'emergency');
        }
    }
}

sub searches
{
    my ($who, %o) = @_;

    my $claimed = delete $o{mode} // 'none';

    return request(on_path(delete $o{path} // 'normal', as => $who,
        get => target('search', delete $o{ins} // $Zoe),
        headers => [claiming($claimed)], %o));
}

# A location as the lines say, for what "nginx -t" is to refuse.
sub location { return DMP::config(location => $_[0]) }

# "says": what nginx says besides [emerg], in a configuration it refuses; all
# others have both paths
add_block_preprocessor(sub {
    my ($block) = @_;

    if (defined $block->says) {
        $block->set_value(must_die => '');
        $block->set_value(suppress_stderr => '');
        $block->set_value(error_log => $block->says);

    } elsif (!defined $block->http_config) {
        $block->set_value(http_config =>
            gateway(defined $block->dmp ? DMP::Block::perl($block, $block->dmp) : ()));
    }
});

DMP::run();

__DATA__

=== TEST 1: searches: everybody, over both paths, in each mode, whatever was said
--- code
my $n = 0;
for my $flags (0 .. 7) {
    my @flags = map { $flags >> $_ & 1 } 0 .. 2;
    zoe(@flags);
    for my $who (qw(morel petit leroy roux regulator pharmacien infirmier adeli
        notitle structure centre15 feeder cpe))
    {
        for my $path ('normal', 'centre-15') {
            for my $claimed ('none', 'normal', 'bris-de-glace', 'centre-15') {
                # of each case, four answers in one version and four in the other
                my $http = ($n++ + $flags) % 2 ? '2' : '1.1';
                search_is($who, $path, $claimed, $http, @flags);
            }
        }
    }
}
$_->close for values %$Connections;
verify_trace();
pass('the trace is whole');



=== TEST 2: check: open to everybody who is admitted, in the modes that they have
--- code
zoe(1, 1, 0);
table(<<'END');
morel      normal    none          check | 200 allow E1 none - - -
petit      normal    none          check | 200 allow E1 none - - -
roux       normal    none          check | 200 allow E1 none - - -
structure  normal    none          check | 200 allow E1 none - - -
centre15   normal    none          check | 200 allow E1 none - - -
feeder     normal    none          check | 200 allow E1 none - - -
petit      normal    bris-de-glace check | 200 allow G2 none - - emergency-access
roux       normal    bris-de-glace check | 200 allow G2 none - - emergency-access
structure  normal    bris-de-glace check | 403 deny E1 right-missing - - -
petit      normal    centre-15     check | 403 deny G5 not-regulator - - -
regulator  normal    centre-15     check | 403 deny G5 not-regulator - - -
regulator  centre-15 none          check | 200 allow G5 none - - emergency-access
regulator  centre-15 normal        check | 403 deny G7 mode-unavailable - - -
regulator  centre-15 bris-de-glace check | 403 deny G7 mode-unavailable - - -
centre15   centre-15 none          check | 200 allow G5 none - - emergency-access
structure  centre-15 none          check | 403 deny G5 not-regulator - - -
petit      centre-15 none          check | 403 deny G5 not-regulator - - -
feeder     centre-15 none          check | 403 deny E1 right-missing - - -
cpe        centre-15 none          check | 403 deny E1 right-missing - - -
END
zoe(0, 0, 1);
table(<<'END');
petit      normal    none          check | 200 allow E1 none - - -
petit      normal    bris-de-glace check | 403 deny G2 emergency-opposed - - -
regulator  centre-15 none          check | 403 deny G6 emergency-opposed - - -
centre15   centre-15 none          check | 403 deny G6 emergency-opposed - - -
END



=== TEST 3: what a check says of the caller does not depend on the mode
--- code
zoe(1, 1, 0);
for my $case (['morel', 'normal', 'none', 'VALIDE', 'yes'],
    ['petit', 'normal', 'none', 'NON_EXISTE', 'no'],
    ['petit', 'normal', 'bris-de-glace', 'NON_EXISTE', 'no'],
    ['regulator', 'centre-15', 'none', 'NON_EXISTE', 'no'],
    ['roux', 'normal', 'none', 'INTERDIT', 'no'],
    ['roux', 'normal', 'bris-de-glace', 'INTERDIT', 'no'],
    ['leroy', 'normal', 'bris-de-glace', 'VALIDE', 'yes'])
{
    my ($who, $path, $claimed, $code, $traits) = @$case;
    my $r = request(on_path($path, as => $who, get => target('check', $Zoe),
        headers => [claiming($claimed)]));
    is($r->{json}{entry}[0]{resource}{extension}[0]{valueCoding}{code}, $code,
        "$who, $claimed: $code");
    is($r->{json}{entry}[0]{resource}{name} ? 'yes' : 'no', $traits,
        'traits for whom the patient authorised, and nobody else');
}



=== TEST 4: metadata is nobody's record: no centre, no regulator, no notice
--- code
zoe(0, 0, 0);
table(<<'END');
morel      normal    none          metadata | 200 allow E1 none host - -
roux       normal    none          metadata | 200 allow E1 none host - -
structure  normal    none          metadata | 200 allow E1 none host - -
feeder     normal    none          metadata | 200 allow E1 none host - -
petit      normal    bris-de-glace metadata | 403 deny G7 mode-unavailable - - -
petit      normal    centre-15     metadata | 403 deny G7 mode-unavailable - - -
regulator  centre-15 none          metadata | 200 allow E1 none host - -
petit      centre-15 none          metadata | 200 allow E1 none host - -
petit      centre-15 normal        metadata | 403 deny G7 mode-unavailable - - -
END



=== TEST 5: documents by their id; what may not be shown does not exist
--- code
zoe(1, 1, 0);
table(<<'END');
morel      normal    none          read zoe-report     | 200 allow G1 none host - -
morel      normal    none          read zoe-secret     | 200 allow G1 none host - -
morel      normal    none          read zoe-biology    | 404 deny H3 masked - - -
morel      normal    none          read zoe-residence  | 404 deny H2 type-not-allowed - - -
leroy      normal    none          read zoe-secret     | 200 allow G1 none host - -
leroy      normal    none          read zoe-biology    | 200 allow G1 none host - -
petit      normal    none          read zoe-report     | 404 deny G1 not-authorised - - -
roux       normal    none          read zoe-report     | 404 deny F1 blocked - - -
pharmacien normal    none          read zoe-dispensed  | 200 allow G1 none host - -
pharmacien normal    none          read zoe-psychiatry | 404 deny H2 type-not-allowed - - -
infirmier  normal    none          read zoe-report     | 200 allow G1 none host - -
adeli      normal    none          read zoe-report     | 404 deny H2 type-not-allowed - - -
notitle    normal    none          read zoe-report     | 404 deny E1 right-missing - - -
petit      normal    bris-de-glace read zoe-report     | 200 allow G2 none host - emergency-access
petit      normal    bris-de-glace read zoe-secret     | 404 deny H3 masked - - -
petit      normal    bris-de-glace read zoe-biology    | 404 deny H3 masked - - -
morel      normal    bris-de-glace read zoe-secret     | 404 deny H3 masked - - -
leroy      normal    bris-de-glace read zoe-report     | 200 allow G2 none host - emergency-access
leroy      normal    bris-de-glace read zoe-secret     | 404 deny H3 masked - - -
roux       normal    bris-de-glace read zoe-report     | 404 deny F1 blocked - - -
pharmacien normal    bris-de-glace read zoe-psychiatry | 404 deny H2 type-not-allowed - - -
adeli      normal    bris-de-glace read zoe-psychiatry | 200 allow G2 none host - emergency-access
notitle    normal    bris-de-glace read zoe-report     | 404 deny E1 right-missing - - -
petit      normal    centre-15     read zoe-report     | 404 deny G5 not-regulator - - -
regulator  centre-15 none          read zoe-report     | 200 allow G5 none host - emergency-access
regulator  centre-15 centre-15     read zoe-report     | 200 allow G5 none host - emergency-access
regulator  centre-15 none          read zoe-biology    | 404 deny H3 masked - - -
regulator  centre-15 none          read zoe-residence  | 404 deny H2 type-not-allowed - - -
regulator  centre-15 normal        read zoe-report     | 404 deny G7 mode-unavailable - - -
adeli      centre-15 none          read zoe-report     | 200 allow G5 none host - emergency-access
roux       centre-15 none          read zoe-report     | 404 deny F1 blocked - - -
leroy      centre-15 none          read zoe-report     | 404 deny G5 not-regulator - - -
centre15   centre-15 none          read zoe-report     | 404 deny D2 channel-mismatch - - -
END



=== TEST 6: masked documents, where the patient allows them in an emergency
--- code
zoe(1, 1, 1);
table(<<'END');
petit      normal    none          read zoe-secret     | 404 deny G1 not-authorised - - -
morel      normal    none          read zoe-biology    | 404 deny H3 masked - - -
petit      normal    bris-de-glace read zoe-secret     | 200 allow G2 none host - emergency-access
morel      normal    bris-de-glace read zoe-secret     | 200 allow G2 none host - emergency-access
leroy      normal    bris-de-glace read zoe-biology    | 200 allow G2 none host - emergency-access
pharmacien normal    bris-de-glace read zoe-psychiatry | 404 deny H2 type-not-allowed - - -
pharmacien normal    bris-de-glace read zoe-secret     | 200 allow G2 none host - emergency-access
roux       normal    bris-de-glace read zoe-secret     | 404 deny F1 blocked - - -
regulator  centre-15 none          read zoe-secret     | 200 allow G5 none host - emergency-access
adeli      centre-15 none          read zoe-biology    | 200 allow G5 none host - emergency-access
END
# the third flag opens nothing where the other two are closed
zoe(0, 0, 1);
table(<<'END');
petit      normal    bris-de-glace read zoe-secret     | 404 deny G2 emergency-opposed - - -
leroy      normal    bris-de-glace read zoe-report     | 404 deny G2 emergency-opposed - - -
regulator  centre-15 none          read zoe-secret     | 404 deny G6 emergency-opposed - - -
END



=== TEST 7: attachments, and lists of documents
--- code
zoe(1, 1, 0);
table(<<'END');
morel      normal    none          binary zoe-report   | 200 allow G1 none host - -
morel      normal    none          binary zoe-secret   | 200 allow G1 none host - -
petit      normal    none          binary zoe-report   | 404 deny G1 not-authorised - - -
petit      normal    bris-de-glace binary zoe-report   | 200 allow G2 none host - emergency-access
petit      normal    bris-de-glace binary zoe-secret   | 404 deny H3 masked - - -
morel      normal    bris-de-glace binary zoe-secret   | 404 deny H3 masked - - -
roux       normal    bris-de-glace binary zoe-report   | 404 deny F1 blocked - - -
adeli      normal    none          binary zoe-report   | 404 deny H2 type-not-allowed - - -
adeli      normal    bris-de-glace binary zoe-report   | 200 allow G2 none host - emergency-access
regulator  centre-15 none          binary zoe-report   | 200 allow G5 none host - emergency-access
regulator  centre-15 none          binary zoe-biology  | 404 deny H3 masked - - -
petit      centre-15 none          binary zoe-report   | 404 deny G5 not-regulator - - -
petit      normal    none          list                | 403 deny G1 not-authorised - bris-de-glace -
petit      normal    bris-de-glace list                | 200 allow G2 none host - emergency-access
regulator  centre-15 none          list                | 200 allow G5 none host - emergency-access
centre15   centre-15 none          list                | 403 deny D2 channel-mismatch - - -
END



=== TEST 8: a search by POST is in its mode, too
--- code
zoe(1, 1, 0);
for my $http ('1.1', '2') {
    for my $case (['petit', 'normal', 'none', '403 G1'], ['petit', 'normal', 'bris-de-glace', '200 G2'],
        ['regulator', 'centre-15', 'none', '200 G5'], ['petit', 'centre-15', 'none', '403 G5'])
    {
        my ($who, $path, $claimed, $want) = @$case;
        my $mark = trace_mark();
        my $r = request(on_path($path, as => $who, http => $http,
            post => '/fhir/DocumentReference/_search',
            body => "patient.identifier=$SYSTEM|$Zoe",
            headers => ['Content-Type: application/x-www-form-urlencoded',
                claiming($claimed)]));
        is("$r->{status} " . (trace($mark))[-1]{body}{rule}, $want,
            "$who, $path, $claimed, HTTP/$http");
    }
}



=== TEST 9: a record that is closed, or was never made, opens in no mode
--- code
zoe(1, 1, 1, { status => 'closed' });
table(<<'END');
morel      normal    none          search | 403 deny C2 record-closed - - -
petit      normal    none          search | 403 deny C2 record-closed - - -
petit      normal    bris-de-glace search | 403 deny C2 record-closed - - -
regulator  centre-15 none          search | 403 deny C2 record-closed - - -
petit      normal    bris-de-glace read zoe-report | 404 deny C2 record-closed - - -
petit      normal    bris-de-glace check | 200 allow G2 none - - emergency-access
END
for my $case (['petit', 'normal', 'none'], ['petit', 'normal', 'bris-de-glace'],
    ['regulator', 'centre-15', 'none'])
{
    my ($who, $path, $claimed) = @$case;
    my $mark = trace_mark();
    my $r = searches($who, path => $path, mode => $claimed, ins => $Nobody);
    is("$r->{status} " . (trace($mark))[-1]{body}{reason} . ' ' . hint_of($r->{json}),
        '403 record-absent ', "none, $claimed on $path");
    is_deeply([notices($Nobody)], [], 'and nobody to be told');
}
# that there is none is an answer, in each mode; but there is nobody to tell
for my $case (['petit', 'normal', 'bris-de-glace', 'G2'], ['regulator', 'centre-15', 'none', 'G5'],
    ['petit', 'normal', 'none', 'E1'])
{
    my ($who, $path, $claimed, $rule) = @$case;
    my $mark = trace_mark();
    my $r = request(on_path($path, as => $who, get => target('check', $Nobody),
        headers => [claiming($claimed)]));
    is("$r->{status} $r->{json}{total} " . (trace($mark))[-1]{body}{rule}, "200 0 $rule",
        "check of none, $claimed on $path");
    is_deeply([notices($Nobody)], [], 'no notice of no record');
    is(redis('EXISTS', key_of('seen', $Nobody)), 0, 'nor a memory of one');
}



=== TEST 10: the hint: where bris de glace would open it, and nowhere else
--- code
zoe(1, 0, 0);
my $text = qr/risque imm\x{e9}diat.*bris de glace.*justification/;
for my $http ('1.1', '2') {
    my $r = request(as => 'petit', get => target('search', $Zoe), http => $http);
    is($r->{status}, 403, 'refused');
    is(scalar @{ $r->{json}{issue} }, 2, 'two issues');
    is($r->{json}{issue}[0]{severity}, 'error', 'the refusal first');
    is(reason_of($r->{json}), 'not-authorised', 'with its reason');
    my $hint = $r->{json}{issue}[1];
    is($hint->{severity}, 'information', 'then the hint');
    is($hint->{details}{coding}[0]{code}, 'bris-de-glace', 'by its code');
    like($hint->{details}{text}, $text, 'in words');
    unlike($r->{body}, qr/Lef|Zo\xc3|1985|$Zoe/i, 'nothing of the patient');
}
sub hint { my $r = request(@_); return "$r->{status} " . hint_of($r->{json}) }
is(hint(as => 'petit', get => target('list', $Zoe)), '403 bris-de-glace', 'for lists');
is(hint(as => 'petit', get => target('read zoe-report')), '404 ', 'no hint in a 404');
is(hint(as => 'petit', get => target('binary zoe-report')), '404 ', 'nor of what it holds');
is(hint(as => 'roux', get => target('search', $Zoe)), '403 ', 'nor for whom the patient blocked');
is(hint(as => 'notitle', get => target('search', $Zoe)), '403 ', 'without that right');
is(hint(as => 'cpe', get => target('search', $Zoe)), '403 ', 'who has no emergency');
is(hint(on_path('centre-15', as => 'petit', get => target('search', $Zoe),
    headers => ['DMP-Access-Mode: normal'])), '403 ', 'where it is not offered');
is(hint(on_path('normal', as => 'petit', get => target('search', $Zoe),
    headers => ['DMP-Access-Mode: centre-15'])), '403 ', 'who claims another mode');
is(hint(on_path('normal', as => 'petit', get => target('search', $Zoe),
    headers => [bris(justification => undef)])), '403 ', 'who breaks it badly');
my $seen = -s DMP::backend_log();
my $r = request(as => 'petit', head => target('search', $Zoe));
is("$r->{status} " . length $r->{body} =~ s/\A.*\r\n\r\n//sr, '403 0', 'HEAD: no body');
cmp_ok($r->{headers}{'content-length'}, '>', 400, 'but its length');
is(scalar(received($seen)), 0, 'the host knows of none of it');
my %expired = (authorisations => { id_of('petit') => { since => '2020-01-01',
    until => '2021-01-01', by => 'patient' } });
zoe(1, 0, 0, { %expired });
is(hint(as => 'petit', get => target('search', $Zoe)), '403 bris-de-glace', 'once expired');
zoe(0, 1, 1, { %expired });
is(hint(as => 'petit', get => target('search', $Zoe)), '403 ', 'not where the patient opposes it');
zoe(1, 0, 0, { %expired, status => 'closed' });
is(hint(as => 'petit', get => target('search', $Zoe)), '403 ', 'nor of a closed record');



=== TEST 11: the hint in problem details, where nobody speaks FHIR
--- dmp: locations => 'location /fhir/ { dmp on; proxy_pass http://record_host; }'
--- code
# without dmp_resource nothing is a request that it could open
my $r = request(as => 'petit', get => target('search', $Zoe));
is("$r->{status} $r->{json}{reason}", '400 operation-unknown', 'refused');
ok(!exists $r->{json}{bris_de_glace}, 'without a hint');



=== TEST 12: dmp_access_path: two values
--- http_config eval: main::location('dmp_access_path centre15;')
--- says
\[emerg\] .*invalid value "centre15" in \S+/nginx\.conf:\d+



=== TEST 13: which are not those of the header
--- http_config eval: main::location('dmp_access_path bris-de-glace;')
--- says
\[emerg\] .*invalid value "bris-de-glace" in \S+/nginx\.conf:\d+



=== TEST 14: given once
--- http_config eval: main::location('dmp_access_path normal; dmp_access_path centre-15;')
--- says
\[emerg\] .*"dmp_access_path" directive is duplicate in \S+/nginx\.conf:\d+



=== TEST 15: one value
--- http_config eval: main::location('dmp_access_path normal centre-15;')
--- says
\[emerg\] .*invalid number of arguments in "dmp_access_path" directive in \S+/nginx\.conf:\d+



=== TEST 16: dmp_channel: three values
--- http_config eval: main::location('dmp_channel write;')
--- says
\[emerg\] .*invalid value "write" in \S+/nginx\.conf:\d+



=== TEST 17: given once
--- http_config eval: main::location('dmp_channel any; dmp_channel any;')
--- says
\[emerg\] .*"dmp_channel" directive is duplicate in \S+/nginx\.conf:\d+



=== TEST 18: and not nothing
--- http_config eval: main::location('dmp_channel;')
--- says
\[emerg\] .*invalid number of arguments in "dmp_channel" directive in \S+/nginx\.conf:\d+



=== TEST 19: the path of a server is that of its locations
--- http_config eval: DMP::config(server => 'dmp_access_path centre-15;')
--- code
zoe(1, 1, 0);
is(searches('regulator')->{status}, 200, 'a regulator, without a word');
is(reason_of(searches('morel')->{json}), 'not-regulator', 'somebody else');
is(reason_of(searches('morel', mode => 'normal')->{json}), 'mode-unavailable', 'the normal mode');



=== TEST 20: so is that of all servers
--- http_config eval: DMP::config(http => 'dmp_access_path centre-15;')
--- code
is(searches('regulator')->{status}, 200, 'a regulator');
is(reason_of(searches('morel')->{json}), 'not-regulator', 'somebody else');



=== TEST 21: unless a location has its own
--- http_config eval: DMP::config(server => 'dmp_access_path centre-15;', location => 'dmp_access_path normal;')
--- code
is(searches('morel')->{status}, 200, 'in the normal mode');
is(searches('petit', mode => 'bris-de-glace')->{status}, 200, 'bris de glace');
is(reason_of(searches('regulator', mode => 'centre-15')->{json}), 'not-regulator', 'no centre 15');



=== TEST 22: dmp_channel feed: nobody reads, whatever their rights
--- dmp: location => 'dmp_channel feed;'
--- code
table(<<'END');
morel      normal    none          check           | 200 allow E1 none - - -
structure  normal    none          check           | 200 allow E1 none - - -
feeder     normal    none          check           | 200 allow E1 none - - -
morel      normal    none          metadata        | 200 allow E1 none host - -
feeder     normal    none          metadata        | 200 allow E1 none host - -
morel      normal    none          search          | 403 deny D2 channel-mismatch - - -
morel      normal    none          list            | 403 deny D2 channel-mismatch - - -
morel      normal    none          read zoe-report | 404 deny D2 channel-mismatch - - -
morel      normal    none          binary zoe-report | 404 deny D2 channel-mismatch - - -
leroy      normal    none          search          | 403 deny D2 channel-mismatch - - -
petit      normal    bris-de-glace search          | 403 deny D2 channel-mismatch - - -
regulator  centre-15 none          search          | 403 deny D2 channel-mismatch - - -
regulator  centre-15 none          check           | 200 allow G5 none - - emergency-access
END



=== TEST 23: dmp_channel read: nothing for those who feed
--- dmp: location => 'dmp_channel read;'
--- code
table(<<'END');
morel      normal    none          check           | 200 allow E1 none - - -
morel      normal    none          search          | 200 allow G1 none host - -
morel      normal    none          read zoe-report | 200 allow G1 none host - -
petit      normal    bris-de-glace search          | 200 allow G2 none host - emergency-access
regulator  centre-15 none          search          | 200 allow G5 none host - emergency-access
structure  normal    none          check           | 403 deny D2 channel-mismatch - - -
cpe        normal    none          check           | 403 deny D2 channel-mismatch - - -
feeder     normal    none          check           | 403 deny D2 channel-mismatch - - -
centre15   centre-15 none          check           | 403 deny D2 channel-mismatch - - -
feeder     normal    none          metadata        | 200 allow E1 none host - -
END



=== TEST 24: a channel is inherited, too
--- http_config eval: DMP::config(server => 'dmp_channel feed;')
--- code
is(reason_of(searches('morel')->{json}), 'channel-mismatch', 'of the server');



=== TEST 25: and replaced
--- http_config eval: DMP::config(http => 'dmp_channel feed;', location => 'dmp_channel any;')
--- code
is(searches('morel')->{status}, 200, 'by that of the location');
