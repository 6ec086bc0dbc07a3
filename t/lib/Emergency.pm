package Emergency;

# For the tests of the modes of access: a gateway with both access paths, laid
# out as conf/nginx.conf and conf/centre-15.conf are; people and records; what
# the store has of an access.
#
# The path of the centres is the server "cards.test"; any other name, and the
# address alone, is the normal path.

use strict;
use warnings;
use utf8;

use Digest::SHA ();
use Encode ();
use Exporter 'import';
use HTTP::Tiny ();
use JSON::PP ();
use MIME::Base64 ();

use DMP ();
use DMP::Connection ();
use DMP::Proc qw(slurp);

our @EXPORT_OK = qw(gateway centre record grant flags uri bris on_path id_of
    reason_of hint_of key_of outbox notices seen_field traits_key history
    entries received forwarded put_document put_binary ask_on open_seal
    store_bytes in_words target claiming with_setting);

our $SYSTEM = 'urn:oid:1.2.250.1.213.1.4.8';

# PS_IdNat or Struct_IdNat of each certificate.
my %ID = (
    morel => '899700218896', petit => '899700314422', roux => '899700451273',
    leroy => '899700588637', pharmacien => '899700610944',
    regulator => '899701100515', adeli => '00B7010446',
    notitle => '899700125075', infirmier => '899701444505',
    structure => '1750712184', centre15 => '1750000015',
    feeder => '2999999990', cpe => '3760021832/000000017',
);

sub id_of { return $ID{ $_[0] } // die "who is $_[0]?\n" }


# ------------------------------------------------------------ configuration

# The http part with both servers; the arguments are those of DMP::config().
sub gateway
{
    my (%o) = @_;

    # both lead to one host, and what it has is known by one name
    $o{http} = "dmp_record_host record-host;\n    dmp_directory_valid 0;\n    "
        . ($o{http} // '');

    my $config = DMP::config(%o);
    my ($server) = $config =~ /^(    server \{.*)/ms;

    $server =~ s/(server_name) [^;]*;/$1 cards.test;/;
    $server =~ s/(dmp_resource fhir;)/$1\n            dmp_access_path centre-15;/;

    return $config . $server;
}


# A policy with another setting than the one for tests.
sub with_setting
{
    my ($name, $value) = @_;

    my $file = DMP::policy() =~ s/policy\.json$/$name-$value.json/r;
    my $text = slurp(DMP::policy());

    $text =~ s/("$name": )[^,\s]+/$1$value/ or die "no setting $name\n";

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";

    return $file;
}


# The regulation centre, and those who regulate for it.
sub centre
{
    my @who = @_;

    DMP::import_directory(
        { kind => 'structure', ids => [$ID{centre15}], centre_15 => JSON::PP::true },
        map +{ kind => 'person', ids => [id_of($_)], regulates => [$ID{centre15}] },
            @who);
}


# ------------------------------------------------------------------ records

my $yes = JSON::PP::true;
my $no = JSON::PP::false;

sub flags
{
    my ($bris, $centre, $masked) = @_;

    return emergency => { bris_de_glace => $bris ? $yes : $no,
        centre_15 => $centre ? $yes : $no, masked => $masked ? $yes : $no };
}

sub grant
{
    return authorisations => { map { id_of($_) => { since => '2020-01-01',
        until => '2100-01-01', by => 'patient' } } @_ };
}

sub record
{
    my ($ins, %more) = @_;

    return { ins => $ins, status => 'open',
        traits => { family => 'LEFÈVRE', given => 'Zoé', birthdate => '1985-03-02' },
        flags(1, 1, 0), %more };
}


# ----------------------------------------------------------------- requests

# encodeURIComponent()
sub uri
{
    my ($text) = @_;

    return Encode::encode_utf8($text)
        =~ s/([^A-Za-z0-9\-._~])/sprintf '%%%02X', ord $1/ger;
}


# The headers of bris de glace, for record() unless told otherwise.  A value
# is sent as it is; undef leaves it out.
sub bris
{
    my (%o) = @_;

    my %h = (
        'DMP-Access-Mode' => 'bris-de-glace',
        'DMP-Justification' => uri('Patiente inconsciente'),
        'DMP-Patient-Family' => uri('Lefèvre'),
        'DMP-Patient-Given' => uri('Zoé'),
        'DMP-Patient-Birthdate' => '1985-03-02',
    );

    my %name = (mode => 'DMP-Access-Mode', justification => 'DMP-Justification',
        map { $_ => 'DMP-Patient-' . ucfirst } qw(family given birthdate));

    for my $key (keys %o) {
        $h{ $name{$key} // die "bris: $key?\n" } = $o{$key};
    }

    return map { [$_ => $h{$_}] } grep { defined $h{$_} } sort keys %h;
}


# The target of an operation on a patient's record: "read ID", "check" ...
sub target
{
    my ($operation, $ins) = @_;

    my $who = 'identifier=' . ($SYSTEM =~ s/:/%3A/gr) . '%7C' . ($ins // '');

    return '/fhir/' . ($operation eq 'check' ? "Patient?$who"
        : $operation eq 'search' ? "DocumentReference?patient.$who"
        : $operation eq 'list' ? "List?patient.$who"
        : $operation =~ /^read (.*)/ ? "DocumentReference/$1"
        : $operation =~ /^binary (.*)/ ? "Binary/$1"
        : $operation eq 'metadata' ? 'metadata' : die "$operation?\n");
}

# The headers that claim a mode; "none" claims none.
sub claiming
{
    my ($mode) = @_;

    return $mode eq 'bris-de-glace' ? bris()
        : $mode eq 'none' ? () : ['DMP-Access-Mode' => $mode];
}


# Arguments of request() for one of the two paths.  Headers are pairs.
sub on_path
{
    my ($path, %o) = @_;

    # curl sends "Name;" as a header without a value
    my @headers = map { ref $_
        ? (length $_->[1] ? "$_->[0]: $_->[1]" : "$_->[0];") : $_ }
        @{ delete $o{headers} // [] };

    return (($path eq 'centre-15' ? (host => 'cards.test') : ()),
        headers => \@headers, %o);
}


sub reason_of
{
    my ($json) = @_;

    return eval { $json->{issue}[0]{details}{coding}[0]{code} };
}


# What the refusal says besides: "bris-de-glace", or nothing.
sub hint_of
{
    my ($json) = @_;

    my ($said, @more) = grep { ($_->{details}{coding}[0]{system} // '') eq 'urn:dmp:hint' }
        @{ ref $json eq 'HASH' && $json->{issue} || [] };

    return @more ? 'several' : $said ? $said->{details}{coding}[0]{code} : '';
}


# A GET on a connection that is kept, with headers (pairs): DMP::Connection's
# own has none.
sub ask_on
{
    my ($c, $path, @headers) = @_;

    my $n = $c->{sent}++;

    if ($c->{http} ne '2') {
        $c->write(join "\r\n", "GET $path HTTP/1.1", "Host: $c->{host}",
            (map { "$_->[0]: $_->[1]" } @headers), '', '');
        return $c->answer($n);
    }

    my $block = "\x82\x87" . "\x04" . DMP::Connection::text($path)
        . "\x01" . DMP::Connection::text($c->{host})
        . join '', map { "\x00" . DMP::Connection::text(lc $_->[0])
            . DMP::Connection::text($_->[1]) } @headers;

    $c->write(DMP::Connection::frame(1, 0x5, 2 * $n + 1, $block));

    return $c->answer(2 * $n + 1);
}


# ---------------------------------------------------------- the record host

sub put_resource
{
    my ($path, $body) = @_;

    my $r = HTTP::Tiny->new->put('http://' . DMP::backend_address()
        . "/fhir/$path", { headers => { 'Content-Type' => 'application/fhir+json' },
        content => JSON::PP->new->utf8->encode($body) });

    die "$path: $r->{status} $r->{content}\n" if !$r->{success};
}


# put_document($ins, $id, type => ['http://loinc.org', '11488-4'],
#     author => 'petit', label => 'MASQUE_PS', master => 'urn:oid:1.2.3',
#     data => 'its content, inline')
sub put_document
{
    my ($ins, $id, %o) = @_;

    put_resource("DocumentReference/$id", {
        resourceType => 'DocumentReference', id => $id, status => 'current',
        contained => [{ resourceType => 'Practitioner', id => 'author',
            identifier => [{ system => 'urn:oid:1.2.250.1.71.4.2.1',
                value => id_of($o{author}) }] }],
        author => [{ reference => '#author' }],
        type => { coding => [{ system => $o{type}[0], code => $o{type}[1] }] },
        subject => { reference => "Patient?identifier=$SYSTEM|$ins" },
        ($o{label} ? (securityLabel => [{ coding => [{
            system => 'https://mos.esante.gouv.fr/NOS/TRE_A07-StatutVisibiliteDocument'
                . '/FHIR/TRE-A07-StatutVisibiliteDocument',
            code => $o{label} }] }]) : ()),
        content => [{ attachment => { contentType => 'text/plain',
            url => "Binary/$id", (defined $o{data} ? (data =>
                MIME::Base64::encode_base64($o{data}, '')) : ()) } }],
        ($o{master} ? (masterIdentifier => { system => 'urn:ietf:rfc:3986',
            value => $o{master} }) : ()),
    });

    put_resource("Binary/$id", { resourceType => 'Binary', id => $id,
        contentType => 'text/plain',
        data => MIME::Base64::encode_base64("content of $id", '') });
}


# What it received since that offset of its log.
sub received
{
    my ($from) = @_;

    return map { JSON::PP->new->utf8->decode($_) }
        split /\n/, substr slurp(DMP::backend_log()), $from;
}


# Of those the ones that were let through: a receipt is with them.
sub forwarded
{
    return grep { grep { lc $_->[0] eq 'dmp-trace-receipt' } @{ $_->{headers} } }
        received(@_);
}


# ---------------------------------------------------------------- the store

sub hex_key
{
    my ($name) = @_;

    return pack 'H*', slurp(DMP::keys() . "/$name.key") =~ s/\s//gr;
}


sub base64url
{
    return MIME::Base64::encode_base64($_[0], '') =~ tr{+/}{-_}r =~ s/=//gr;
}


sub bytes_of
{
    my ($text) = @_;

    $text =~ tr{-_}{+/};

    return MIME::Base64::decode_base64($text . '=' x (-length($text) % 4));
}


# The keyed hash of whatever the store names in that way.
sub keyed
{
    my ($text) = @_;

    return base64url(substr Digest::SHA::hmac_sha256($text, hex_key('pseudonym')),
        0, 16);
}


# "{dmp:NN}:rec:P", or "{dmp:NN}:outbox" where nobody is in the name.
sub key_of
{
    my ($kind, $ins) = @_;

    my $p = keyed($ins);
    my $bucket = ord(Digest::SHA::sha256($p)) % DMP::redis('HGET', 'dmp:meta', 'buckets');
    my $tag = sprintf '{dmp:%02d}', $bucket;

    return $kind =~ /^(?:trace|outbox)$/ ? "$tag:$kind" : "$tag:$kind:$p";
}


# Notices about that patient, oldest first: kind, and the entry it comes from.
sub outbox
{
    my ($ins) = @_;

    my $p = keyed($ins);

    return grep { $_->{p} eq $p }
        map { my %f = @{ $_->[1] }; { kind => $f{k}, p => $f{p}, entry => $f{e},
            fields => join ' ', sort CORE::keys %f } }
        @{ DMP::redis('XRANGE', key_of('outbox', $ins), '-', '+') };
}


sub notices { return map { $_->{kind} } outbox(@_) }


# The field of {dmp:NN}:seen:P.
sub seen_field
{
    my ($id, $mode) = @_;

    return keyed("dmp-seen\0$id") . (defined $mode ? ":$mode" : '');
}


# Names as they are once folded, which is for the test to do.
sub traits_key
{
    my ($family, $given, $birthdate) = @_;

    return 'dmp:traits:' . keyed(join "\0", 'dmp-traits',
        (map { Encode::encode_utf8($_) } $family, $given), $birthdate);
}


# The patient's own history: the ids of its entries, oldest first.
sub history
{
    my ($ins) = @_;

    return map {
        my @parts = unpack length $_ == 8 ? 'Nnn' : 'Q>Q>', $_;
        my $n = pop @parts;
        (@parts == 2 ? $parts[0] * 65536 + $parts[1] : $parts[0]) . "-$n";
    }
        @{ DMP::redis('LRANGE', key_of('idx', $ins), 0, -1) };
}


# The accesses to a patient's record behind that id: body, outcome, id.
sub entries
{
    my ($ins, $from) = @_;

    my $p = keyed($ins);
    my @entries;

    for my $item (@{ DMP::redis('XRANGE', key_of('trace', $ins), "($from", '+') }) {
        my ($id, %field) = ($item->[0], @{ $item->[1] });
        my $body = DMP::entry_body($field{b});

        push @entries, { id => $id, body => $body, outcome => $field{o} }
            if $body->{kind} eq 'access' && ($body->{patient} // '') eq $p;
    }

    return @entries;
}


# Every key and every value that the store has, as one string.
sub store_bytes
{
    my %read = (
        string => sub { ['GET', $_[0]] }, hash => sub { ['HGETALL', $_[0]] },
        list => sub { ['LRANGE', $_[0], 0, -1] }, set => sub { ['SMEMBERS', $_[0]] },
        stream => sub { ['XRANGE', $_[0], '-', '+'] },
    );

    my $flat;

    $flat = sub { map { ref $_ ? $flat->(@$_) : $_ // '' } @_ };

    return join "\n", map { my $type = DMP::redis('TYPE', $_);
        ($_, $flat->(DMP::redis(@{ ($read{$type} // die "$_ is a $type\n")->($_) }))) }
        sort @{ DMP::redis('KEYS', '*') };
}


# "a" in every way that it could stand somewhere: as it is, percent-encoded,
# as JSON, in both kinds of base64 at each of the three offsets.
sub in_words
{
    my ($text) = @_;

    my $bytes = Encode::encode_utf8($text);
    my @forms = ($bytes, uri($text), lc uri($text),
        JSON::PP->new->ascii->allow_nonref->encode($text) =~ s/^"|"$//gr);

    for my $before (0 .. 2) {
        my $code = MIME::Base64::encode_base64('x' x $before . $bytes, '');

        # what the bytes around it have no part in
        $code = substr $code, $before ? 4 : 0;
        $code =~ s/.{0,4}\z//s;
        push @forms, $code, $code =~ tr{+/}{-_}r;
    }

    return grep { length $_ >= 8 } @forms;
}


# ------------------------------------------------------------------ the seal

# A block cipher is all that openssl's command has to offer: the mode is here.
sub aes
{
    my ($key, @more) = @_;

    my $bytes = pop @more;
    my $in = DMP::Proc::dir() . '/sealed';

    open my $out, '>:raw', $in or die "$in: $!\n";
    print $out $bytes;
    close $out or die "$in: $!\n";

    my $said = `openssl enc @more -e -nopad -K @{[ unpack 'H*', $key ]} -in $in`;

    die "openssl: $?\n" if $? != 0;

    return $said;
}


# In GF(2^128), as GCM has it.
sub gf_times
{
    my ($x, $y) = @_;

    my ($xh, $xl) = unpack 'Q>Q>', $x;
    my ($vh, $vl) = unpack 'Q>Q>', $y;
    my ($zh, $zl) = (0, 0);

    for my $bit (0 .. 127) {
        my $set = $bit < 64 ? ($xh >> (63 - $bit)) & 1 : ($xl >> (127 - $bit)) & 1;

        ($zh, $zl) = ($zh ^ $vh, $zl ^ $vl) if $set;

        my $carry = $vl & 1;

        $vl = ($vl >> 1) | (($vh & 1) << 63);
        $vh = ($vh >> 1) ^ ($carry ? 0xe1 << 56 : 0);
    }

    return pack 'Q>Q>', $zh, $zl;
}


# Opens what was sealed under the record key, or dies: format, key id, nonce,
# text, tag; the name, the field and the version are bound to it.
sub open_seal
{
    my ($sealed, $name, $field, $version) = @_;

    my $bytes = bytes_of($sealed);
    my $key = hex_key('record');
    my ($format, $id, $nonce) = unpack 'Ca4a12', $bytes;
    my $text = substr $bytes, 17, -16;

    $format == 1 or die "another format\n";
    $id eq substr(Digest::SHA::sha256($key), 0, 4) or die "another key\n";

    my $bound = 'dmp1' . pack('Q>NN', $version, length $name, length $field)
        . $name . $field;
    my $pad = sub { $_[0] . "\0" x (-length($_[0]) % 16) };
    my $h = aes($key, '-aes-256-ecb', "\0" x 16);
    my $sum = "\0" x 16;

    for my $block (unpack '(a16)*', $pad->($bound) . $pad->($text)
        . pack 'Q>Q>', 8 * length $bound, 8 * length $text)
    {
        $sum = gf_times($sum ^ $block, $h);
    }

    ($sum ^ aes($key, '-aes-256-ecb', "$nonce\0\0\0\1")) eq substr $bytes, -16
        or die "another tag\n";

    my $plain = aes($key, '-aes-256-ctr', '-iv', unpack('H*', "$nonce\0\0\0\2"), $text);

    return Encode::decode_utf8($plain, Encode::FB_CROAK);
}

1;
