#!/usr/bin/perl

# dmpctl directory against a real store: both formats, what a change leaves as
# it was, and what is refused.

use strict;
use warnings;

use lib 't/lib';

use File::Temp qw(tempdir);
use JSON::PP;
use Test::More;

use DMP::Annuaire;
use DMP::Redis;

my $dmpctl = $ENV{DMPCTL} || './build/dmpctl';

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;
plan skip_all => 'no redis-server' unless `redis-server --version` =~ /v=7/;

my $dir = tempdir(CLEANUP => 1);
my $socket = "$dir/redis.sock";
my ($pid, $redis);

$pid = fork() // die "fork: $!";

if ($pid == 0) {
    open STDOUT, '>', "$dir/redis.log";
    exec 'redis-server', '--port', 0, '--unixsocket', $socket,
        '--dir', $dir, '--save', '';
    exit 127;
}

END {
    my $status = $?;
    if ($pid) { kill 'TERM', $pid; waitpid $pid, 0 }
    $? = $status;
}

for (1 .. 2000) {
    $redis = DMP::Redis->connect("unix:$socket");
    last if $redis && eval { $redis->call('PING') eq 'PONG' };
    undef $redis;
    select undef, undef, undef, 0.005;
}

die 'the store does not start' unless $redis;


# Exit code, standard output, standard error.
sub run {
    my @args = @_;
    my $command = join ' ', map { my $a = $_; $a =~ s/'/'\\''/g; "'$a'" }
        $dmpctl, @args;
    my $out = `$command 2>$dir/stderr`;
    my $rc = $? >> 8;

    open my $f, '<', "$dir/stderr" or die $!;
    local $/;

    return ($rc, $out, scalar <$f>);
}

sub write_file {
    my ($name, @text) = @_;
    open my $f, '>:raw', "$dir/$name" or die $!;
    print $f @text;
    close $f or die $!;
    return "$dir/$name";
}

my @store = ('--redis', "unix:$socket");
my ($rc, $out, $err);

for my $kind (qw(audit record)) {
    ($rc, $out, $err) = run('keygen', $kind, $dir);
    is $rc, 0, "keygen $kind" or diag $err;
}

($rc, $out, $err) = run('init', @store, '--buckets', 8);
is $rc, 0, 'init' or diag $err;

my @keys = ('--record-key', "$dir/record.key");


# import(file or text, options…); "added changed unchanged removed" or why not.
sub import_file {
    my ($text, @options) = @_;

    my $file = $text =~ /\n|^$/ ? write_file('import', $text) : $text;
    ($rc, $out, $err) = run('directory', 'import', $file, @store, @keys,
                            '--audit-key', "$dir/audit.key", '--json',
                            @options);
    return "failed: $rc" if $rc != 0;

    my $said = decode_json($out);
    return "@$said{qw(added changed unchanged removed)}";
}

# The entry under an identifier; undef if there is none.
sub entry {
    my ($id) = @_;

    my ($rc, $out, $err) = run('directory', 'show', $id, @store, @keys,
                               '--json');
    return $rc == 0 ? decode_json($out)->{entry} : undef;
}

sub version { return $redis->call('HGET', "dmp:dir:$_[0]", 'v') }
sub stored { return scalar @{ $redis->call('KEYS', 'dmp:dir:*') } }

my ($MOREL, $PETIT, $ROUX) = qw(899700218896 899700314422 899700451273);
my ($LEROY, $FAURE) = qw(899700588637 899700610944);
my $CENTRE = '1750712184';
my ($G15, $R02) = ('1.2.250.1.71.1.2.7', '1.2.250.1.71.4.2.4');


# Usage

($rc, $out, $err) = run('help', 'directory');
is $rc, 0, 'help';
like $out, qr/import FILE.*show ID/s, 'names both commands';
is_deeply [run('directory', '--help')], [0, $out, ''], 'asked otherwise';
($rc, $out, $err) = run('directory', 'import', 'x', @store);
is $rc, 2, 'no keys';
is import_file('x', '--skip-wrong', 'many'), 'failed: 2', 'no number';
like $err, qr/--skip-wrong "many" is not a number/, 'it is named';
is import_file('x', '--remove-at-most', 5), 'failed: 2',
    'a limit without what it limits';
is import_file("$dir/nowhere"), 'failed: 3', 'a file that is not there';
is import_file(''), 'failed: 1', 'an empty file';
like $err, qr/is empty/, 'it says so';
($rc, $out, $err) = run('directory', 'show', '99700218896', @store, @keys);
is $rc, 2, 'an RPPS without its 8';
($rc, $out, $err) = run('directory', 'show', $MOREL, @store, @keys);
is $rc, 1, 'an entry that is not there';


# The published extract

my $a = DMP::Annuaire->new;
my @rows = (
    $a->row(id => $MOREL, profession => 10, specialty => 'SM26',
            sector => 'SA07', role => 'FON-01', genre => 'GENR01',
            former => '349940088500020'),
    $a->row(id => $PETIT, profession => 10, category => 'E', sector => 'SA01'),
    $a->row(id => $ROUX, profession => 21, sector => 'SA33',
            finess => '990712184', genre => 'GENR01'),
    # not adjacent, and one situation twice
    $a->row(id => $MOREL, profession => 10, specialty => 'SM26',
            sector => 'SA24', technical => 'R10100000328372'),
    $a->row(id => $MOREL, profession => 10, specialty => 'SM26',
            sector => 'SA07', role => 'FON-01', genre => 'GENR01',
            former => '349940088500020', name => 'ANOTHER NAME'),
    # a person of whom nothing is known
    $a->row(id => $LEROY, category => ''),
);

is import_file(join '', $a->header, @rows), '4 0 0 0', 'an extract' or diag $err;
is_deeply entry($MOREL), {
    kind => 'person', ids => [$MOREL], from => 'annuaire',
    practices => [
        { profession => [$G15, '10'], sector => [$R02, 'SA24'],
          specialty => ['1.2.250.1.71.4.2.5', 'SM26'],
          structure => 'R10100000328372' },
        { profession => [$G15, '10'], sector => [$R02, 'SA07'],
          activity => ['1.2.250.1.213.1.6.1.17', 'FON-01'],
          specialty => ['1.2.250.1.71.4.2.5', 'SM26'],
          structure => '349940088500020' },
    ],
}, 'the rows of one person are one entry';
is_deeply entry($PETIT)->{practices}[0]{profession},
    ['1.2.250.1.71.1.2.8', '10'], 'somebody in training';
is entry($ROUX)->{practices}[0]{structure}, '1990712184', 'a FINESS number';
is_deeply entry($LEROY)->{practices}, [], 'nothing is known';
like version($MOREL), qr/^1\d{12}$/, 'a first version is the time';

my %before = map { $_ => version($_) } $MOREL, $PETIT, $ROUX;
is import_file(join '', $a->header, reverse @rows), '0 0 4 0',
    'again, in another order: nothing changes';
is version($MOREL), $before{$MOREL}, 'not even the version';

$rows[2] =~ s/SA33/SA04/;
is import_file(join '', $a->header, @rows[2, 1]), '0 1 1 0',
    'others are left alone';
is version($ROUX), $before{$ROUX} + 1, 'the version counts changes';

my $value = $redis->call('HGET', "dmp:dir:$MOREL", 'd');
unlike $value, qr/SA07|person/, 'it is sealed';
$redis->call('HSET', "dmp:dir:$PETIT", 'd', $value);
($rc, $out, $err) = run('directory', 'show', $PETIT, @store, @keys);
is $rc, 3, 'an entry under another key does not open';
is import_file(join '', $a->header, @rows), 'failed: 3',
    'and stops an import';
like $err, qr/dmp:dir:$PETIT does not open/, 'it says which';
$redis->call('DEL', "dmp:dir:$PETIT");
is import_file(join '', $a->header, @rows), '1 0 3 0', 'it can be repaired';


# Other forms of the file

my $small = sub { join '', $_[0]->header,
    $_[0]->row(id => $FAURE, profession => 10, sector => $_[1]) };

is import_file($small->(DMP::Annuaire->new(crlf => 1), 'SA04')), '1 0 0 0',
    'CRLF';
is import_file($small->(DMP::Annuaire->new(encoding => 'cp1252'), 'SA05')),
    '0 1 0 0', 'Windows-1252';
is import_file($small->(DMP::Annuaire->new(open => 1), 'SA07')), '0 1 0 0',
    'no "|" at the end';
is import_file("\xef\xbb\xbf" . $small->(DMP::Annuaire->new, 'SA07')),
    '0 0 1 0', 'a byte order mark';
is entry($FAURE)->{practices}[0]{sector}[1], 'SA07', 'all of them were read';

write_file('import', $small->(DMP::Annuaire->new, 'SA08'));
$out = `$dmpctl directory import - @store @keys --audit-key $dir/audit.key \\
        <$dir/import`;
like $out, qr/^0 entries added, 1 changed, 0 unchanged, 0 removed; 0 wrong/,
    'standard input';


# Our own

my $centre = qq({"kind":"structure","ids":["$CENTRE"],"centre_15":true,)
    . qq("sectors":[["$R02","SA01"]]}\n);

is import_file($centre
    . qq({"id":"$MOREL","regulates":["$CENTRE"],)
    . qq("notices":"mailto:anne.morel\@example.org"}\n\n)), '1 1 0 0',
    'changes of our own' or diag $err;
is_deeply entry($CENTRE), { kind => 'structure', ids => [$CENTRE],
    centre_15 => JSON::PP::true, sectors => [[$R02, 'SA01']],
    from => 'local' }, 'a structure';

my $morel = entry($MOREL);
is_deeply $morel->{regulates}, [$CENTRE], 'what is given replaces';
is @{ $morel->{practices} }, 2, 'what is not stays';
is $morel->{from}, 'annuaire', 'it is still of the published directory';

is import_file(join '', $a->header, @rows), '0 0 4 0',
    'the extract leaves what is our own';
is import_file(qq({"id":"$MOREL","notices":null})), 'failed: 3',
    'the test takes a line without an end for a file name';
is import_file(qq({"id":"$MOREL","notices":null}\n)), '0 1 0 0',
    'null takes away';
is entry($MOREL)->{notices}, undef, 'it is gone';
is import_file(qq({"id":"$MOREL","notices":null}\n)), '0 0 1 0', 'once';


# Several identifiers of one person

is import_file(qq({"ids":["$MOREL","0751234567"]}\n)), '0 1 0 0', 'an alias';
is_deeply entry('0751234567'), entry($MOREL), 'one entry under both';
is import_file(qq({"id":"0751234567","notices":"mailto:a\@example.org"}\n)),
    '0 1 0 0', 'either names them';
is entry($MOREL)->{notices}, 'mailto:a@example.org', 'both copies change';
is import_file(join '', $a->header, @rows), '0 0 4 0',
    'an extract without that column leaves identifiers';

$redis->call('DEL', 'dmp:dir:0751234567');
is import_file(join '', $a->header, @rows), '0 1 3 0', 'a copy that is missing';
is_deeply entry('0751234567'), entry($MOREL), 'is made again';

my $r = DMP::Annuaire->new(restricted => 1);
my $morel_row = sub { $r->row(id => $MOREL, profession => 10,
                              sector => 'SA07', others => $_[0]) };

is import_file(qq({"ids":["$MOREL","0751234567","3990712184/MOREL"]}\n)),
    '0 1 0 0', 'a number of a hospital';
is import_file($r->header . $morel_row->('0752222222,ADELI,1;'
                                         . '1990712184,FINESS,1')),
    '0 1 0 0', 'an extract with that column' or diag $err;
is_deeply entry($MOREL)->{ids}, [$MOREL, '3990712184/MOREL', '0752222222'],
    'replaces all but those of structures';
is entry('0751234567'), undef, 'the key of one that left is gone';
is_deeply entry($MOREL)->{regulates}, [$CENTRE], 'the rest stays';
is import_file(qq({"id":"0752222222","remove":true}\n)), '0 0 0 1', 'remove';
is entry($_), undef, "nothing under $_"
    for $MOREL, '0752222222', '3990712184/MOREL';
is import_file(qq({"id":"$MOREL","remove":true}\n)), '0 0 1 0', 'once';


# One identity is never merged

is import_file(join '', $a->header, @rows), '1 0 3 0', 'the extract again';

my %are = map { $_ => version($_) } $MOREL, $PETIT, $ROUX;
is import_file(qq({"ids":["$MOREL","$PETIT"]}\n)), 'failed: 1',
    'another\'s identifier';
like $err, qr/line 1: $MOREL: the directory has $PETIT as an identifier of another, $PETIT/,
    'both are named';

is import_file($r->header
    . $r->row(id => $FAURE, profession => 10, others => '0753333333')
    . $r->row(id => $ROUX, profession => 21, others => '0753333333')),
    'failed: 1', 'two of one file claim the same';
like $err, qr/line 2: $FAURE: 0753333333 is an identifier of $ROUX too, by line 3/,
    'both are named';
is import_file($r->header
    . $r->row(id => $FAURE, profession => 10, others => $ROUX)
    . $r->row(id => $ROUX, profession => 21)),
    'failed: 1', 'one names another who has a row';
is import_file(qq({"id":"$MOREL","notices":null}\n) x 2), 'failed: 1',
    'two lines about one person';
like $err, qr/line 1: $MOREL stands in more than one line/, 'it says so';
is import_file(qq({"id":"$MOREL","kind":"structure","sectors":[]}\n)),
    'failed: 1', 'a person is no structure';
is_deeply { map { $_ => version($_) } keys %are }, \%are, 'nothing was changed';

is import_file($r->header
    . $r->row(id => $FAURE, profession => 10, others => '0753333333')
    . $r->row(id => $ROUX, profession => 21, others => '0753333333')
    . $r->row(id => $PETIT, profession => 10), '--skip-wrong', 1),
    '0 1 0 0', 'skipped: neither gets it, others are imported';
is version($ROUX), $are{$ROUX}, 'they stay as they are';
is entry('0753333333'), undef, 'it is nobody\'s';


# Wrong lines

my $last = substr $rows[0], 0, -3;
is import_file(join '', $a->header, @rows, $last), 'failed: 1',
    'a last line that is cut short';
like $err, qr/line 8: \d+ fields instead of \d+|line 8: the line has no end/,
    'it is named';
like $err, qr/nothing was imported/, 'and nothing is imported';

my %wrong = (
    'not JSON' => ["{\"id\"\n", qr/line 1: not JSON at column/],
    'a name twice' => [qq({"id":"$MOREL","id":"$PETIT"}\n),
                       qr/line 1: a member is given twice/],
    'no identifier' => [qq({"notices":null}\n), qr/"ids" is missing/],
    'an RPPS without its 8' => [qq({"id":"99700218896"}\n),
                                qr/"99700218896" is no identifier/],
    'from' => [qq({"id":"$MOREL","from":"annuaire"}\n), qr/"from"/],
    'an unknown member' => [qq({"id":"$MOREL","notice":null}\n),
                            qr/"notice"/],
    'another unknown member' => [qq({"id":"$MOREL","notice":"x"}\n),
                                 qr/"notice"/],
    'a wrong address' => [qq({"id":"$MOREL","notices":"anne"}\n),
                          qr/"notices" is not "mailto:"/],
    'remove and more' => [qq({"id":"$MOREL","remove":true,"notices":null}\n),
                          qr/"remove" and something else/],
    'remove: false' => [qq({"id":"$MOREL","remove":false}\n),
                        qr/"remove" is not true/],
    'a new entry without a kind' => [qq({"id":"$CENTRE"}\n{"id":"899700000000"}\n),
                                     qr/line 2: "kind" is missing/],
    'a line that is too long' => ['{"id":"' . 'x' x 70_000 . qq("}\n),
                                  qr/line 1: longer than 65536 bytes/],
    'another file' => ["Identification nationale PP|Code profession|\n",
                       qr/no column "Code secteur d'activit/],
);

for my $name (sort keys %wrong) {
    is import_file($wrong{$name}[0]), 'failed: 1', $name;
    like $err, $wrong{$name}[1], "$name: it says so";
}

is import_file($a->header . $a->row(id => '123', profession => 10) x 25),
    'failed: 1', 'many wrong lines';
is scalar(() = $err =~ /line \d+:/g), 20, 'the first 20 are named';
like $err, qr/5 more are wrong/, 'the others counted';

is import_file(join('', $a->header, @rows,
                    $a->row(id => $MOREL, profession => '1 0'),
                    $a->row(id => '123', profession => 10),
                    $a->row(id => $ROUX, profession => 21, sector => 'SA05')),
               '--skip-wrong', 2), '0 2 1 0', 'some may be skipped';
is decode_json($out)->{wrong}, 2, 'they are counted';
is @{ entry($MOREL)->{practices} }, 2,
    'a person with a wrong line stays as they are';
is_deeply [sort map { $_->{sector}[1] } @{ entry($ROUX)->{practices} }],
    ['SA04', 'SA05'], 'others are imported';


# Rows under each identifier of one person

my $ADELI = '0751234567';
my $forget = join '', map { qq({"id":"$_","remove":true}\n) }
    $MOREL, $ADELI, $PETIT, $FAURE;
my $both = sub {
    my ($x, %more) = @_;

    return map { $x->row(id => $_->[0], profession => 10, sector => $_->[1],
                         specialty => 'SM26', %more) }
        [$ADELI, 'SA07'], [$MOREL, 'SA24'], [$ADELI, 'SA08'], [$MOREL, 'SA07'];
};
my $sectors = sub { join ' ', sort map { $_->{sector}[1] }
                        @{ entry($_[0])->{practices} } };
my $other = $a->row(id => $ROUX, profession => 21, sector => 'SA33');

import_file($other = $a->header . $other);
import_file($forget);
is import_file($other . join '', $both->($a)), '2 0 1 0',
    'identifiers that nothing joins are two persons';
is $sectors->($ADELI), 'SA07 SA08', 'each with their own';

# the main one sorts after the other, and before it
for my $ids ([$MOREL, $ADELI], [$ADELI, $MOREL]) {
    my $order = "@$ids";
    my $joined = qq({"kind":"person","ids":["$ids->[0]","$ids->[1]"],)
        . qq("notices":"mailto:a\@example.org"}\n);

    import_file($forget);
    is import_file($joined), '1 0 0 0', "$order: joined" or diag $err;
    is import_file($other . join '', $both->($a)), '0 1 1 0',
        "$order: rows under both are one person's" or diag $err;
    is $sectors->($MOREL), 'SA07 SA08 SA24',
        "$order: with the practices of both, each once";
    is_deeply entry($MOREL)->{ids}, $ids, "$order: joined as before";
    is entry($MOREL)->{notices}, 'mailto:a@example.org', "$order: what is ours";
    is_deeply entry($ADELI), entry($MOREL), "$order: one entry";

    my %was = map { $_ => version($_) } @$ids;
    is import_file($other . join '', reverse $both->($a)), '0 0 2 0',
        "$order: again, in another order: nothing changes";
    is_deeply { map { $_ => version($_) } @$ids }, \%was,
        "$order: not even the version";

    for my $id (@$ids) {
        is import_file(join('', $other, $both->($a, sector => 'SA01'),
                            $a->row(id => $id, profession => '1 0')),
                       '--skip-wrong', 1), '0 0 1 0',
            "$order: a wrong row of $id";
        like $err, qr/line 7: "Code profession": "1 0" is no code/,
            "$order: by its line";
        is version($id), $was{$id}, "$order: neither is changed";
    }

    is import_file($other . join '', map {
        my $n = $_;
        map { $a->row(id => $_, profession => 10, technical => "R$n$_") }
            reverse @$ids
    } 100 .. 250), 'failed: 1', "$order: too many between them";
    like $err, qr/line 3: more than 256 situations of one person/,
        "$order: by the first of them";

    for my $id (@$ids) {
        $redis->call('DEL', "dmp:dir:$id");
        is import_file($other . join '', $both->($a)), '0 1 1 0',
            "$order: the copy of $id is missing";
        is_deeply entry($id)->{ids}, $ids, "$order: and made again";

        $redis->call('DEL', "dmp:dir:$id");
        is import_file($a->header . $a->row(id => $id eq $MOREL ? $ADELI
            : $MOREL, profession => 10, sector => 'SA07')), '0 1 0 0',
            "$order: and with rows of the other only";
        is_deeply [map { $sectors->($_) } @$ids], ['SA07', 'SA07'],
            "$order: which is about both";
        import_file(join '', $a->header, $both->($a));
    }

    is import_file(join '', $r->header, $both->($r)), '0 0 1 0',
        "$order: with the column, empty, each row still gives its own";
    is import_file(join '', $r->header, $both->($r, others => '0753333333')),
        '0 1 0 0', "$order: and what it adds is of that person";
    is_deeply entry('0753333333')->{ids}, [@$ids, '0753333333'],
        "$order: after what they have";
    is import_file($r->header . $r->row(id => $ADELI, profession => 10)),
        '0 1 0 0', "$order: but one that has no row is not given";
    is entry($MOREL), undef, "$order: and goes";
    is_deeply entry($ADELI)->{ids}, [$ADELI], "$order: the other stays";
}

# two entries that have one identifier: one of them was put back
import_file($forget);
import_file(qq({"kind":"person","ids":["$MOREL","$ADELI"]}\n));
my $old = $redis->call('HGETALL', "dmp:dir:$MOREL");
import_file(qq({"ids":["$MOREL"]}\n));
import_file(qq({"kind":"person","ids":["$PETIT","$ADELI"]}\n));
$redis->call('DEL', "dmp:dir:$MOREL");
$redis->call('HSET', "dmp:dir:$MOREL", @$old);
is import_file(join '', $a->header, $both->($a)), 'failed: 1',
    'neither of two entries with one identifier is believed';
like $err, qr/line 3: $MOREL: the directory has $ADELI as an identifier of another, $PETIT/,
    'they are named';
is import_file(join('', $a->header, $both->($a),
                    $a->row(id => $PETIT, profession => 10)),
               '--skip-wrong', 3), '0 0 0 0', 'and all of them stay as they are';
$redis->call('DEL', map { "dmp:dir:$_" } $MOREL, $PETIT, $ADELI);

# What stops half way leaves no copy that is of another entry.
sub writes {
    my $commands = $redis->call(qw(SLOWLOG GET -1));
    return map { "$_->[0] " . $_->[1] =~ s/^dmp:dir://r }
        grep { $_->[0] =~ /^(?:HSET|DEL)$/ && $_->[1] =~ /^dmp:dir:/ }
        map { $_->[3] } reverse @$commands;
}

sub import_watched {
    $redis->call(qw(CONFIG SET slowlog-max-len 10000));
    $redis->call(qw(CONFIG SET slowlog-log-slower-than 0));
    $redis->call(qw(SLOWLOG RESET));
    my $said = import_file(@_);
    $redis->call(qw(CONFIG SET slowlog-log-slower-than -1));
    return $said;
}

import_file(qq({"kind":"person","ids":["$ADELI"]}\n));
is import_watched(qq({"ids":["$MOREL","$ADELI"]}\n)), '0 1 0 0', 'one more';
is_deeply [writes()], ["HSET $ADELI", "HSET $MOREL"], 'what is new comes last';
is import_watched(qq({"id":"$MOREL","remove":true}\n)), '0 0 0 1', 'removed';
is_deeply [writes()], ["DEL $ADELI", "DEL $MOREL"],
    'the identifier that the line names goes last';
is import_file(join '', $a->header, @rows,
               $a->row(id => $FAURE, profession => 10)), '3 1 1 0',
    'all as before';


# A complete file

my @many = map { DMP::Annuaire::id($_) } 1 .. 200;
my $people = sub { join '', $a->header, map { $a->person($_) } @_ };

is import_file($people->(1 .. 200)), '200 0 0 0', '200 persons';
is import_file($people->(1 .. 200), '--complete'), '0 0 200 5',
    'a complete file: those before them go' or diag $err;
is stored(), 201, 'our own stay';
isnt entry($CENTRE), undef, 'the centre does';
is entry($MOREL), undef, 'a person does not';

is import_file($people->(1 .. 150), '--complete'), 'failed: 1',
    'a file that was cut short';
like $err, qr/50 of the 200 published entries are not in it, more than 5 %/,
    'it says how many would go';
is stored(), 201, 'none does';
is import_file($people->(1 .. 195), '--complete'), '0 0 195 5', '5 of 100 do';
is import_file($people->(1 .. 100), '--complete', '--remove-at-most', 50),
    '0 0 100 95', 'more, when asked for';
is import_file(qq({"id":"$MOREL","remove":true}\n), '--complete'),
    'failed: 2', 'of our own no file is complete';

is import_file(qq({"ids":["$many[0]","0755555555"]}\n)
    . qq({"ids":["$many[1]","0756666666"]}\n)), '0 2 0 0', 'two aliases';
is import_file($people->(1, 3 .. 100), '--complete'), '0 0 99 1',
    'who leaves does so under all identifiers';
is entry($_), undef, "not under $_" for $many[1], '0756666666';
isnt entry('0755555555'), undef, 'who stays keeps theirs';

my $alias = sub { join '', $people->(3 .. 100),
    $a->row(id => '0755555555', profession => $_[0], sector => 'SA07') };
is import_file($alias->(10), '--complete', '--remove-at-most', 0), '0 1 98 0',
    'who is there by another identifier';
is $sectors->($many[0]), 'SA07', 'does not leave';
is import_file($alias->('1 0'), '--complete', '--remove-at-most', 0,
               '--skip-wrong', 1), '0 0 98 0', 'nor by a wrong row of it';
isnt entry($_), undef, "they stay under $_" for $many[0], '0755555555';
is import_file($people->(1, 3 .. 100), '--complete', '--remove-at-most', 0),
    '0 1 98 0', 'nor without it';

is import_file($people->(1, 3 .. 99)
    . $a->row(id => $many[99], profession => '1 0'), '--complete',
    '--skip-wrong', 1), '0 0 98 0', 'a wrong line is no departure';
isnt entry($many[99]), undef, 'they stay';


# One at a time

$redis->call(qw(SET dmp:lock:directory another PX 3600000));
is import_file($people->(1 .. 3)), 'failed: 3', 'while another import runs';
like $err, qr/another import of the directory is under way .* 3600 s/,
    'it says so';
is $redis->call(qw(GET dmp:lock:directory)), 'another', 'its lock stays';
$redis->call(qw(DEL dmp:lock:directory));
is import_file($people->(1 .. 3)), '1 0 2 0', 'and afterwards' or diag $err;
is $redis->call(qw(EXISTS dmp:lock:directory)), 0, 'the lock is given back';


# Stopped

write_file('password', "secret\n");

# import by a user of the store who may not do everything
sub import_as {
    my @rights = @_;

    $redis->call(qw(ACL SETUSER importer reset on >secret), @rights);
    return import_file($people->(1, 2, 202), '--user', 'importer',
                       '--password-file', "$dir/password",
                       '--operator', $rights[-1]);
}

my $then = stored();
is import_as(qw(~* +@all -fcall)), 'failed: 3', 'what cannot be traced';
is stored(), $then, 'is not written';
is import_as(qw(~{dmp:* ~dmp:meta ~dmp:closed ~dmp:lock:* %R~dmp:dir:* +@all)),
    'failed: 3', 'what cannot be written';
like $err, qr/NOPERM/, 'says so';
like $err, qr/stopped; .*may be repeated/, 'and what that leaves';
is $redis->call(qw(EXISTS dmp:lock:directory)), 0, 'but no lock';
is import_as(qw(~* +@all -flushall)), '1 0 2 0', 'it is repeated' or diag $err;


# Keys

mkdir "$dir/other";
run('keygen', 'record', "$dir/other");
my @old = @keys;

@keys = ('--record-key', "$dir/other/record.key");
is import_file($people->(1 .. 3)), 'failed: 3', 'with another key';
like $err, qr/does not open with the record keys given/, 'it says so';
@keys = (@keys, @old);
is import_file($people->(1 .. 3)), '0 0 3 0', 'with the old one too';
is import_file($people->(201)), '1 0 0 0', 'the new one seals';
@keys = @old;
is entry(DMP::Annuaire::id(201)), undef, 'so the old one does not open it';


# Many rows in little memory

my $padding = 'x' x 1000;
my $file = "$dir/many";
{
    open my $f, '>:raw', $file or die $!;
    print $f $a->header;

    for my $i (1 .. 20_000) {
        print $f $a->row(id => DMP::Annuaire::id(($i * 7919) % 10_000),
                         profession => 10,
                         sector => $i % 2 ? 'SA07' : 'SA01',
                         (map { $_ => $padding } qw(name address)));
    }

    close $f or die $!;
}

$redis->call('DEL', @{ $redis->call('KEYS', 'dmp:dir:*') });
cmp_ok -s $file, '>', 40_000_000, 'a large file';
my $peak = `perl -e 'require "syscall.ph"; system(\@ARGV) == 0 or die;
    my \$usage = "\\0" x 144; syscall(SYS_getrusage(), -1, \$usage) == 0 or die;
    printf "%d\\n", unpack "x32 q", \$usage' $dmpctl directory import $file \\
    @store @keys --audit-key $dir/audit.key --operator anne 2>&1`;
like $peak, qr/^10000 entries added, 0 changed/, '20,000 rows of 10,000 persons';
my ($kib) = $peak =~ /^(\d+)$/m;
cmp_ok $kib // 1e9, '<', 30_000, 'in less memory than the file takes';
note "peak: $kib KiB";
is import_file($file), '0 0 10000 0', 'again: nothing changes';


# The trace

my @admin = grep { $_->{kind} eq 'admin' } map { decode_json($_->[1][1]) }
    map { @{ $redis->call('XRANGE', "{dmp:0$_}:trace", '-', '+') } } 0 .. 7;
my %phases;
push @{ $phases{ $_->{trace} } }, $_->{phase} for @admin;
my %ways;
$ways{"@$_"}++ for values %phases;
is $ways{'begin'}, 1, 'the import that was stopped begins only';
is delete($ways{'begin end'}), keys(%phases) - 1, 'the others end';
is_deeply [keys %ways], ['begin'], 'nothing else';
is_deeply [map { $_->{phase} } grep { $_->{actor}{id} eq '+@all' } @admin],
    ['begin'], 'it is that one';

my ($begin, $end) = grep { $_->{actor}{id} eq 'anne' } @admin;
is $begin->{command}, 'directory import', 'as what it is';
is $begin->{digest}, `openssl dgst -sha256 -binary $file | base64`
    =~ tr{+/=\n}{-_}dr, 'with the digest of its file';
is $end->{added}, 10_000, 'and what it did' or diag explain $end;
is $end->{trace}, $begin->{trace}, 'both under one id';

($rc, $out, $err) = run('audit', 'verify', @store, '--audit-public-key',
                        "$dir/audit.pub");
is $rc, 0, 'the trace is whole' or diag $out, $err;

done_testing();
