# Masks by names that several documents share: whoever deposits chooses names,
# so a change of masks is decided with every document that it would concern.
# And what the look-up for it costs, and whom.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use Emergency qw(put_document key_of);
use FakeRedis;
use Rights qw($Martin $Morel $Petit $Roux $Leroy $System $Record $True
    $Of_morel granted set_record record gateway api is_refusal watched refused
    made);
use Test::More;

our $Fake = FakeRedis->new(redis_address());

our @Plain = (type => ['http://loinc.org', '11488-4']);
our $Shared = "$System.99999.7.1";

# Petit's own, with the name of Morel's; two of Petit's of one name; the id of
# one that is the name of another, of Petit's both, and of Petit and Morel.
put_document($Martin, 'petit-copy', @Plain, author => 'petit', master => $Of_morel);
put_document($Martin, "petit-same-$_", @Plain, author => 'petit', master => $Shared)
    for 1, 2;
put_document($Martin, 'petit-word', @Plain, author => 'petit',
    master => "$System.99999.7.2");
put_document($Martin, 'petit-named', @Plain, author => 'petit', master => 'petit-word');
put_document($Martin, 'morel-word', @Plain, author => 'morel',
    master => "$System.99999.7.3");
put_document($Martin, 'petit-other', @Plain, author => 'petit', master => 'morel-word');

gateway($Fake->address);

sub reads
{
    my ($as, $id) = @_;

    return request(get => "/fhir/DocumentReference/$id", as => $as)->{status};
}

# All of them may read; Leroy treats the patient.
sub set
{
    my @more = @_;

    set_record(treating => [$Leroy], authorisations => { map { $_ => granted() }
        $Petit, $Morel, $Roux }, @more);
}

# What the store was asked for on the way of that change, by commands alone;
# but for the outcomes, which a worker writes when it has some.
sub asked
{
    my ($as, $method, $name) = @_;

    my $before = () = $Fake->commands;
    my $r = api($as, $method => "$Record/masks/$name");
    my @all = $Fake->commands;

    return ($r, grep { !/dmp1_append/ } map { /^(FCALL \S+|\S+)/ }
        @all[$before .. $#all]);
}

DMP::run();

__DATA__

=== TEST 1: H6: one's own that has the name of another's does not unmask that
--- code
for my $name ('petit-copy', $Of_morel, 'martin-consultation-2') {
    set(masked => [$Of_morel]);
    is(reads('petit', 'martin-consultation-2'), 404, 'it is masked');
    refused("$name, masked", '404 H3 masked document-foreign', 'petit',
        DELETE => "$Record/masks/$name");
    is(reads('petit', 'martin-consultation-2'), 404, 'and stays so');
    is(reads('roux', 'martin-consultation-2'), 404, 'for others, too');
    set();
    refused("$name, not masked", '403 H6 not-author', 'petit',
        DELETE => "$Record/masks/$name");
    refused("$name, by its author", '403 H6 not-author', 'morel',
        DELETE => "$Record/masks/$name");
}
set(masked => [$Of_morel]);
made('who treats the patient unmasks both', 'unmask - -', 1, 'leroy',
    DELETE => "$Record/masks/petit-copy");
is(reads('roux', $_), 200, "$_ is read") for 'petit-copy', 'martin-consultation-2';
verify_trace();
pass('the trace is whole');



=== TEST 2: nor where all are masked by default
--- code
set(mask_by_default => $True);
is(reads('petit', 'petit-copy'), 200, 'their own');
is(reads('petit', 'martin-consultation-2'), 404, "another's");
refused($_, '404 H3 masked document-foreign', 'petit', DELETE => "$Record/masks/$_")
    for 'petit-copy', $Of_morel, 'martin-consultation-2';
is_deeply(record()->{unmasked} // [], [], 'nothing is unmasked');
is(reads($_, 'martin-consultation-2'), 404, "$_ does not read it") for qw(petit roux);
my ($r) = made('what is theirs alone', 'unmask - -', 1, 'petit',
    DELETE => "$Record/masks/petit-same-1");
is(reads('roux', 'petit-same-1'), 200, 'is unmasked');



=== TEST 3: B1: what names two documents, each of which might be meant
--- code
for my $method (qw(PUT DELETE)) {
    set();
    refused("$method: both are theirs", '400 B1 request-ambiguous', 'petit',
        $method => "$Record/masks/petit-word");
    refused("$method: whoever may do both", '400 B1 request-ambiguous', 'leroy',
        $method => "$Record/masks/morel-word");
}
refused('one is not theirs', '403 H6 not-author', 'petit',
    DELETE => "$Record/masks/morel-word");
refused('nor that one', '403 H6 not-author', 'morel',
    DELETE => "$Record/masks/morel-word");
set(masked => ["$System.99999.7.3"]);
refused('one is hidden from them', '404 H3 masked document-foreign', 'petit',
    PUT => "$Record/masks/morel-word");
set();
made('by the name that is its own', 'mask - -', 1, 'petit',
    PUT => "$Record/masks/$System.99999.7.2");
is_deeply(record()->{masked}, ["$System.99999.7.2"], 'that one');



=== TEST 4: all that it concerns are theirs: done
--- code
for my $name ('petit-same-1', 'petit-same-2', $Shared) {
    set();
    made("$name, masked", 'mask - -', 1, 'petit', PUT => "$Record/masks/$name");
    is_deeply(record()->{masked}, [$Shared], 'by the name they share');
    is(reads('roux', "petit-same-$_"), 404, "$_ is not read") for 1, 2;
    made("$name, unmasked", 'unmask - -', 1, 'petit', DELETE => "$Record/masks/$name");
    is(reads('roux', "petit-same-$_"), 200, "$_ is read") for 1, 2;
}
set();
made("Morel's and Petit's, masked by who may see both", 'mask - -', 1, 'roux',
    PUT => "$Record/masks/petit-copy");
is(reads('roux', $_), 404, "$_ is not read") for 'petit-copy', 'martin-consultation-2';
verify_trace();
pass('the trace is whole');



=== TEST 5: a document of the index that does not open might be the one
--- code
my $docs = key_of('docs', $Martin);
for my $case (['x' x 22, 'x', 'no seal'], [(@{ redis('HKEYS', $docs) })[0], 'x' x 60, 'one of them'],
    ['x', 'x', 'no name'])
{
    my ($field, $value, $name) = @$case;
    set();
    my $was = redis('HGET', $docs, $field);
    redis('HSET', $docs, $field, $value);
    for my $document ('martin-consultation-1', 'never-used') {
        my $w = watched(sub { api('petit', PUT => "$Record/masks/$document") });
        is_refusal($w->{r}, "$name, $document", 503, 'trace-unavailable');
        is_deeply([$w->{moved}, $w->{notices}], [[], []], 'nothing has changed');
    }
    defined $was ? redis('HSET', $docs, $field, $was) : redis('HDEL', $docs, $field);
    made('mended', 'mask - -', 1, 'petit', PUT => "$Record/masks/martin-consultation-1");
}



=== TEST 6: F1, G1: who has no right does not have them looked up
--- code
set(blocked => [$Petit], authorisations => { $Morel => granted() });
for my $case (['petit', '403 F1 blocked', 'blocked'], ['roux', '403 G1 not-authorised', 'not authorised'],
    ['structure', '403 D2 channel-mismatch', 'no person'])
{
    my ($as, $want, $name) = @$case;
    for my $method (qw(PUT DELETE)) {
        my ($r, @asked) = asked($as, $method, 'martin-consultation-1');
        is("$r->{status} $r->{json}{reason}", $want =~ s/ \w+//r, "$name: $method");
        is(scalar(grep { /^HGETALL/ } @asked), 0, 'costs no look-up');
    }
}
my ($r, @asked) = asked('morel', PUT => 'martin-consultation-1');
is("$r->{status} @{[scalar grep { /^HGETALL/ } @asked]}", '200 1', 'who has one: one');



=== TEST 7: H3: what is hidden and what is not there cost the same
--- code
set(masked => [$Of_morel]);
for my $method (qw(PUT DELETE)) {
    my %asked;
    for my $name ('martin-consultation-2', $Of_morel, 'never-used', "$System.99999.9.9",
        'durand-consultation-2')
    {
        my ($r, @all) = asked('petit', $method, $name);
        is("$r->{status} $r->{json}{reason}", '404 document-foreign', "$method $name");
        push @{ $asked{join ', ', @all} }, $name;
    }
    is(scalar(CORE::keys %asked), 1, "$method: the same commands") or diag explain \%asked;
}
