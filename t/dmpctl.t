#!/usr/bin/perl

# dmpctl against a real store: init, keygen, record import, audit verify.

use strict;
use warnings;

use File::Temp qw(tempdir);
use IO::Socket::UNIX;
use Test::More;

my $dmpctl = $ENV{DMPCTL} || './build/dmpctl';

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;
plan skip_all => 'no redis-server' unless `redis-server --version` =~ /v=7/;

my $dir = tempdir(CLEANUP => 1);
my $socket = "$dir/redis.sock";
my $pid;


sub start_store {
    my @options = @_;

    $pid = fork();
    die "fork: $!" unless defined $pid;

    if ($pid == 0) {
        open STDOUT, '>', "$dir/redis.log";
        exec 'redis-server', '--port', 0, '--unixsocket', $socket,
            '--dir', $dir, '--save', '', @options;
        exit 127;
    }

    for (1 .. 2000) {
        my $s = IO::Socket::UNIX->new(Peer => $socket);

        if ($s) {
            print $s "PING\r\n";
            return if (<$s> // '') =~ /PONG/;
        }

        select undef, undef, undef, 0.005;
    }

    die 'the store does not start';
}


sub stop_store {
    return unless $pid;
    kill 'TERM', $pid;
    waitpid $pid, 0;
    undef $pid;
}

END { my $status = $?; stop_store(); $? = $status }


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

sub redis { return scalar `redis-cli -s $socket @_ 2>&1` }

sub write_file {
    my ($name, $text) = @_;
    open my $f, '>', "$dir/$name" or die $!;
    print $f $text;
    close $f or die $!;
    return "$dir/$name";
}

my @store = ('--redis', "unix:$socket");
my ($rc, $out, $err);


# Usage

($rc, $out, $err) = run();
is $rc, 2, 'no command is a usage error';
($rc, $out, $err) = run('help');
is $rc, 0, 'help';
like $out, qr/audit verify/, 'it lists the commands';
($rc, $out, $err) = run('nothing');
is $rc, 2, 'an unknown command';
($rc, $out, $err) = run('init', '--nothing');
is $rc, 2, 'an unknown option';
like $err, qr/"--nothing"/, 'it is named';
($rc, $out, $err) = run('audit', 'verify', @store);
is $rc, 2, 'verify without a key of its own';


# Keys

for my $kind (qw(audit session seal record pseudonym)) {
    ($rc, $out, $err) = run('keygen', $kind, $dir);
    is $rc, 0, "keygen $kind";
    is((stat "$dir/$kind.key")[2] & 0777, 0600, "$kind.key is private");
}

($rc, $out, $err) = run('keygen', 'audit', $dir);
is $rc, 3, 'a key is not overwritten';
like $err, qr/audit\.key/, 'the file is named';


# The store

($rc, $out, $err) = run('init', @store);
is $rc, 3, 'no store';

start_store();
($rc, $out, $err) = run('init', @store, '--buckets', 8);
is $rc, 0, 'init' or diag $err;
like $out, qr/"memory" only/, 'it says what the store guarantees';
like $out, qr/appendfsync always/, 'and what would guarantee more';
($rc, $out, $err) = run('init', @store);
is $rc, 0, 'again';
like $out, qr/8 buckets/, 'the number stays';
($rc, $out, $err) = run('init', @store, '--buckets', 16);
is $rc, 1, 'another number of buckets is refused';
like $err, qr/8, not 16/, 'with both numbers';
($rc, $out, $err) = run('init', @store, '--deadline', '20ms');
is $rc, 1, 'another deadline, while gateways may run';
($rc, $out, $err) = run('init', @store, '--deadline', '20ms',
                        '--gateways-stopped');
is $rc, 0, 'and when they do not';
like $out, qr/deadline 20 ms/, 'it is set';

redis(qw(CONFIG SET appendonly yes));
redis(qw(CONFIG SET appendfsync always));
($rc, $out, $err) = run('init', @store, '--json');
like $out, qr/"guarantee":"fsync"/, 'a store that keeps what it acknowledged';


# Records

sub record {
    my ($ins, %more) = @_;
    my $extra = join '', map { qq(,"$_":$more{$_}) } sort keys %more;
    return qq({"ins":"$ins","status":"open","emergency":{"bris_de_glace":true,)
        . qq("centre_15":true,"masked":false},"traits":{"family":"MARTIN",)
        . qq("given":"Anne","birthdate":"1985-03-02","sex":"F"}$extra}\n);
}

sub ins {
    my $n = sprintf '2850399%06d', shift;
    return $n . sprintf '%02d', 97 - $n % 97;
}

my @keys = ('--record-key', "$dir/record.key", '--pseudonym-key',
            "$dir/pseudonym.key", '--audit-key', "$dir/audit.key");

my $bad = write_file('bad.jsonl', record(ins(1)) . "{\n" . record(ins(2))
                     . record(ins(3), blockd => '[]'));
($rc, $out, $err) = run('record', 'import', $bad, @store, @keys);
is $rc, 1, 'a file with wrong lines';
like $err, qr/line 2: /, 'the first is named';
like $err, qr/line 4: unknown member "blockd"/, 'and the last';
unlike $err, qr/MARTIN/, 'without what stands in it';
unlike redis('--scan'), qr/:rec:/, 'nothing was imported';

my $wrong = ins(1);
substr($wrong, 13, 2) = $wrong =~ /00$/ ? '01' : '00';
my $key = write_file('key.jsonl', record($wrong));
($rc, $out, $err) = run('record', 'import', $key, @store, @keys);
is $rc, 1, 'an INS with a wrong key';

my $good = write_file('good.jsonl', join '', map { record(ins($_)) } 1 .. 150);
($rc, $out, $err) = run('record', 'import', $good, @store, @keys,
                        '--operator', 'anne');
is $rc, 0, 'import' or diag $err;
like $out, qr/^150 records imported, 0 unchanged/, 'all of them';
($rc, $out, $err) = run('record', 'import', $good, @store, @keys);
like $out, qr/^0 records imported, 150 unchanged/, 'once only';

my $changed = write_file('changed.jsonl',
    record(ins(1), blocked => '["899700218898"]')
    . record(ins(2)) =~ s/"open"/"closed"/r);
($rc, $out, $err) = run('record', 'import', $changed, @store, @keys, '--json');
is $out, qq({"imported":2,"unchanged":0}\n), 'changes';

my @read = ('--record-key', "$dir/record.key", '--pseudonym-key',
            "$dir/pseudonym.key");
($rc, $out, $err) = run('record', 'show', ins(1), @store, @read, '--json');
like $out, qr/^\{"version":1\d{12},.*"blocked":\["899700218898"\]/, 'show';
($rc, $out, $err) = run('record', 'show', ins(999), @store, @read);
is $rc, 1, 'a record that is not there';

my $trace = join '', map { redis('XRANGE', "'{dmp:0$_}:trace'", '-', '+') }
    0 .. 7;
like $trace, qr/"operation":"close"/, 'closing is traced as such';
like $trace, qr/"id":"anne"/, 'with its operator';
unlike $trace, qr/MARTIN|285039/, 'and no identity of a patient';
unlike redis('--scan'), qr/285039/, 'nor is there one in a key';


# The trace

my @verify = ('audit', 'verify', @store, '--audit-public-key',
              "$dir/audit.pub");

($rc, $out, $err) = run(@verify);
is $rc, 0, 'verify' or diag $out, $err;
like $out, qr/The trace is whole/, 'whole';
($rc, $out, $err) = run(@verify, '--json');
like $out, qr/"whole":true,.*"writers":3,.*"not_signed":0/, 'all of it signed';

run('keygen', 'audit', do { mkdir "$dir/other"; "$dir/other" });
($rc, $out, $err) = run('audit', 'verify', @store, '--audit-public-key',
                        "$dir/other/audit.pub");
is $rc, 1, 'with a key that is not the gateway\'s';
like $out, qr/certificate is not signed/, 'it says so';


# Breaks: on a copy of one bucket each, put back afterwards

sub lua {
    my ($code, $bucket) = @_;
    my $file = write_file('x.lua', $code);
    my $reply = redis('--eval', $file, "'{dmp:0$bucket}:trace'");
    chomp $reply;
    return $reply;
}

my ($bucket) = grep { redis('XLEN', "'{dmp:0$_}:trace'") > 6 } 0 .. 7;
my $dump = redis('COPY', "'{dmp:0$bucket}:trace'", 'saved');

sub put_back {
    redis('COPY', 'saved', "'{dmp:0$bucket}:trace'", 'REPLACE');
}

# rewrites the whole stream, with a change at its fourth entry
my $rewrite = q{
    local all = redis.call('XRANGE', KEYS[1], '-', '+')
    redis.call('DEL', KEYS[1])
    for i, e in ipairs(all) do
        local id, b, o = e[1], e[2][2], e[2][4]
        if i == 4 then CHANGE end
        if b then redis.call('XADD', KEYS[1], id, 'b', b, 'o', o) end
    end
    return all[4][1]
};

my %breaks = (
    'an edited body'   => q{b = b:gsub('operator', 'operatox')},
    'another outcome'  => q{o = (o == 'S') and '1' or '0'},
    'a removed entry'  => q{b = nil},
    'an unknown member' => q[b = b:sub(1, -2) .. ',"x":1}'],
);

for my $name (sort keys %breaks) {
    my $code = $rewrite;
    my $change = $breaks{$name};
    $code =~ s/CHANGE/$change/;
    my $id = lua($code, $bucket);
    ($rc, $out, $err) = run(@verify);
    is $rc, 1, $name;
    like $out, qr/bucket  $bucket\n/, "$name: the bucket";
    like $out, qr/id      \Q$id\E\n/, "$name: the entry"
        unless $name =~ /removed/;
    put_back();
}

redis('XTRIM', "'{dmp:0$bucket}:trace'", 'MAXLEN', 3);
($rc, $out, $err) = run(@verify);
is $rc, 1, 'a cut stream';
put_back();

my ($w) = split /\n/, redis('--scan', '--pattern', "'{dmp:0$bucket}:w:*'");
redis('HSET', "'$w'", 'h', redis('HGET', "'$w'", 'h') =~ s/:\d+:/:9999:/r =~ s/\s+\z//r);
($rc, $out, $err) = run(@verify);
is $rc, 1, 'a changed head';
like $out, qr/store's head/, 'it says so';

write_file('other.lua', "#!lua name=dmp1\n"
    . "redis.register_function('dmp1_trace', function() return 1 end)\n");
redis("-x FUNCTION LOAD REPLACE < $dir/other.lua");
($rc, $out, $err) = run('init', @store);
is $rc, 1, 'another library under our name is not replaced';

redis(qw(CONFIG SET requirepass secret));
($rc, $out, $err) = run(@verify);
is $rc, 3, 'a store that asks for a password';
($rc, $out, $err) = run(@verify, '--password-file',
                        write_file('password', "secret\n"));
is $rc, 1, 'and gets it';

done_testing();
