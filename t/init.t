# "dmpctl init": the files that it writes, servers that start with them, and
# what each user of theirs can and cannot do, on Redis 7.0 and on Valkey 8.  A
# gateway, an operator and an auditor then do their work with no more rights.

use strict;
use warnings;

use lib 't/lib';
use DMP;
use DMP::Redis;
use Digest::SHA ();
use JSON::PP ();
use Test::More;

my $root = DMP::Proc::root();
my $dir = DMP::Proc::dir();
my $dmpctl = "$root/build/dmpctl";
my $valkey = "$root/build/valkey/valkey-server";

my @Users = qw(gateway sealer trimmer notifier reader operator replica admin);
our ($Ins, $System) = ('285037512000151', 'urn:oid:1.2.250.1.213.1.4.8');
our $Check = "/fhir/Patient?identifier=$System|$Ins";
our $Search = "/fhir/DocumentReference?patient.identifier=$System|$Ins";
our $Roux = '899700451273';

my ($redis) = grep { -x } map { "$_/redis-server" } split /:/, $ENV{PATH};

die "no $valkey: make $valkey\n" if !-x $valkey;

# Debian 13 has no Redis 7.0, and Valkey 8 of its own
my @Servers = ($redis && `$redis --version` =~ /v=7\.0\./
    ? ({ name => 'redis', program => $redis }) : (),
    { name => 'valkey', program => $valkey });

# Exit code, standard output, standard error.
sub tool
{
    my @command = map { my $word = $_; $word =~ s/'/'\\''/g; "'$word'" }
        $dmpctl, @_;

    my $out = `@command 2>$dir/stderr`;

    return ($? >> 8, $out, slurp("$dir/stderr"));
}

sub write_file
{
    my ($file, $text) = @_;

    open my $out, '>', $file or die "$file: $!\n";
    print $out $text;
    close $out or die "$file: $!\n";
}

sub password { slurp("$_[0]/$_[1].password") =~ s/\n//r }


# ---------------------------------------------------------------- the files

my $files = "$dir/files";
my ($rc, $out, $err) = tool('init', '--write', $files);

is($rc, 0, 'the files are written, without a store') or diag($err);
is((stat $files)[2] & 0777, 0700, 'in a folder of their own');
is(slurp("$files/redis.conf"), slurp("$root/conf/redis.conf"), 'the reference');

my %users = slurp("$files/users.acl") =~ /^user (\S+) (.*)$/mg;

is(scalar(() = slurp("$files/users.acl") =~ /^/mg), 1 + @Users, 'one line each');
like($users{default}, qr/^off resetpass (?!.*(?:[#>]|nopass))/, 'nobody without a name');

for my $user (@Users) {
    my $password = password($files, $user);

    like($password, qr/^[0-9a-f]{64}\z/, "$user: a password");
    is((stat "$files/$user.password")[2] & 0777, 0600, 'of its owner alone');
    unlike(slurp("$files/users.acl"), qr/$password/, 'it is not among the users');
    my ($on, $hash) = $users{$user} =~ /^(\w+) #(\S+) /;
    is($hash, Digest::SHA::sha256_hex($password), 'but its hash');
    is($on, $user =~ /^(?:trimmer|replica)$/ ? 'off' : 'on', 'on, if needed');
}

is(scalar(CORE::keys %{ { map { password($files, $_) => 1 } @Users } }),
    scalar @Users, 'each has another');

my $before = join '', map { slurp($_) } sort glob "$files/*";

($rc, $out) = tool('init', '--write', $files, '--json');
is($rc, 0, 'again');
is(join(' ', sort { $a cmp $b } values %{ JSON::PP::decode_json($out) }),
    join(' ', ('kept') x (2 + @Users)), 'nothing is written');
is(join('', map { slurp($_) } sort glob "$files/*"), $before, 'nor changed');

{
    my $other = "$dir/other";

    system('cp', '-r', $files, $other) == 0 or die "cp: $?\n";
    write_file("$other/redis.conf", "port 1\n");
    unlink "$other/sealer.password";
    ($rc, $out, $err) = tool('init', '--write', $other);
    is($rc, 1, 'an operator\'s file');
    like($err, qr{\Q$other\E/redis\.conf exists.*was left}, 'is named');
    is(slurp("$other/redis.conf"), "port 1\n", 'and left');
    like($err, qr{\Q$other\E/users\.acl exists}, 'so is a list without its password');
    isnt(password($other, 'sealer'), password($files, 'sealer'), 'made anew');

    for my $wrong ('', 'ab' x 31 . "\n", 'ab' x 32, 'AB' x 32 . "\n",
        'ab' x 32 . "\nmore\n")
    {
        write_file("$other/reader.password", $wrong);
        ($rc, $out, $err) = tool('init', '--write', $other);
        is($rc, 3, 'what is no password of ours');
        like($err, qr{\Q$other\E/reader\.password: line 1: not 64 hex}, 'is named');
        is(slurp("$other/reader.password"), $wrong, 'and left');
    }

    # what somebody else may know, or have put there
    my ($named, $as_it_was) = ("$other/admin.password", password($other, 'admin'));

    for my $change ([sub { chmod 0640, $named }, 'others can read it'],
        [sub { chmod 0604, $named }, 'others can read it'],
        [sub { chmod 0620, $named }, 'others can write to it'],
        [sub { chmod 0602, $named }, 'others can write to it'],
        [sub { unlink $named; mkdir $named, 0700 }, 'not a file'],
        $> == 0 ? [sub { chown 65534, -1, $named }, 'it belongs to somebody else'] : ())
    {
        -d $named ? rmdir $named : unlink $named;
        write_file($named, "$as_it_was\n");
        chmod 0600, $named or die "$named: $!\n";
        write_file("$other/reader.password", 'ab' x 32 . "\n");
        $change->[0]->() or die "$named: $!\n";
        ($rc, $out, $err) = tool('init', '--write', $other);
        is($rc, 3, "a password: $change->[1]");
        like($err, qr{^dmpctl: \Q$named: $change->[1]\E}m, 'is named, with the reason');
    }

    unlink $named;
    write_file($named, "$as_it_was\n");
    chmod 0600, $named or die "$named: $!\n";
    system('mkfifo', '-m', '600', "$other/fifo") == 0 or die "mkfifo: $?\n";
    rename "$other/fifo", $named or die "$named: $!\n";
    ($rc, $out, $err) = tool('init', '--write', $other);
    is($rc, 3, 'a pipe');
    like($err, qr{^dmpctl: \Q$named\E: not a file}m, 'is not waited for');

    # none is read from, or made in, a folder of everybody's
    for my $change ([sub { chmod 0720, "$dir/shared" }, 'others can write to it'],
        [sub { chmod 01777, "$dir/shared" }, 'others can write to it'],
        $> == 0 ? [sub { chown 65534, -1, "$dir/shared" }, 'it belongs to somebody else'] : ())
    {
        mkdir "$dir/shared", 0700 or die "$dir/shared: $!\n";
        $change->[0]->() or die "$dir/shared: $!\n";
        ($rc, $out, $err) = tool('init', '--write', "$dir/shared");
        is($rc, 3, "a folder: $change->[1]");
        like($err, qr{^dmpctl: \Q$dir/shared: $change->[1]\E}m, 'is named, with the reason');
        ok(rmdir "$dir/shared", 'and nothing is written there');
    }

    ($rc, $out, $err) = tool('init', '--write', "$files/users.acl");
    is($rc, 3, 'no folder');
    like($err, qr/users\.acl/, 'is named');
    ($rc, $out, $err) = tool('init', '--write', "$dir/none/files");
    is($rc, 3, 'in no folder');
    like($err, qr{none/files: No such file}, 'is named');
    ($rc, $out, $err) = tool('init', '--write', "$dir/" . 'n' x 5000);
    is($rc, 3, 'a name that is too long');

    for my $more (['--redis', 'unix:x'], ['--user', 'x'], ['--buckets', 8],
        ['--deadline', '1s'], ['--prove', 'x'], ['--gateways-stopped'])
    {
        ($rc, $out, $err) = tool('init', '--write', "$dir/third", @$more);
        is($rc, 2, "with $more->[0]");
        like($err, qr/--write only writes files/, 'is another thing');
    }

    ok(!-e "$dir/third", 'and writes nothing');
}


# -------------------------------------------------------------- the servers

sub options
{
    my ($server, $user, $from) = @_;

    return ('--redis', "unix:$server->{dir}/sock", '--user', $user,
        '--password-file', ($from // $files) . "/$user.password");
}

# One user more, for what the test itself looks at.
my $watcher = 'ab' x 32;

sub users { slurp("$files/users.acl") . "user watcher on >$watcher ~* &* +\@all\n" }

# With the file as it is written, but for the paths of this machine.
sub start
{
    my ($server) = @_;

    my $data = $server->{dir} = "$dir/$server->{name}";
    my $conf = slurp("$files/redis.conf");
    my %path = (unixsocket => "$data/sock", aclfile => "$data/users.acl",
        dir => $data, pidfile => "$data/pid", logfile => "$data/log",
        supervised => 'no');

    mkdir $data or die "$data: $!\n";

    for my $name (CORE::keys %path) {
        $conf =~ s/^$name .*/$name $path{$name}/m or die "no $name\n";
    }

    write_file("$data/conf", $conf);
    write_file("$data/users.acl", users());
    launch($server);
}

sub launch
{
    my ($server) = @_;

    my $data = $server->{dir};

    $server->{pid} = DMP::Proc::start($server->{name}, "$data/log",
        $server->{program}, "$data/conf");

    wait_for {
        DMP::Proc::alive($server->{pid}) or die slurp("$data/log");
        eval { as($server, 'operator', 'PING') };
    } "$server->{name} (see $data/log)";
}

# Other users, while it runs.
sub let
{
    my ($server, $users) = @_;

    write_file("$server->{dir}/users.acl", $users);
    as($server, 'watcher', 'ACL', 'LOAD');
}

sub prove
{
    my ($server, @more) = @_;

    return tool('init', options($server, 'operator'), '--prove', $files, @more);
}

sub as
{
    my ($server, $user, @command) = @_;

    my $client = DMP::Redis->connect("unix:$server->{dir}/sock")
        or die "no $server->{name}\n";

    $client->call('AUTH', $user, $user eq 'watcher' ? $watcher
        : password($files, $user));

    return @command ? $client->call(@command) : $client;
}

# One right too many, or too few; what is said then.  The line of a user is
# changed; what is added stands at its end.
my @Mutations = (
    [gateway => '(+del %W~{dmp:*}:rec:*)', 'DEL {dmp:probe}:rec:probe: must be refused'],
    [gateway => '(+hset %W~dmp:meta)', 'HSET dmp:meta schema 1: must be refused'],
    [gateway => '(+srem %W~dmp:closed)', 'SREM dmp:closed probe: must be refused'],
    [gateway => '+flushall', 'FLUSHALL: must be refused'],
    [gateway => '+debug', 'DEBUG SLEEP 0: must be refused'],
    [gateway => '+memory|usage', 'memory|usage: must be refused'],
    [gateway => '(+xadd ~{dmp:*}:outbox)', undef],
    [gateway => '(+xadd ~*)', 'XADD {dmp:probe}:dead * k probe: must be refused'],
    [gateway => '(+del %W~dmp:login:*)', 'DEL dmp:login:probe: must be refused'],
    [notifier => '(+hget %R~{dmp:*}:sess:*)', 'HGET {dmp:probe}:sess:probe probe: must be refused'],
    [sealer => '(+xadd %W~{dmp:*}:trace)', 'XADD {dmp:probe}:trace * b probe o S: must be refused'],
    [notifier => '(+xdel %W~{dmp:*}:dead)', 'XDEL {dmp:probe}:dead 0-1: must be refused'],
    [reader => '(+get ~*)', 'GET dmp-probe: must be refused'],
    [reader => 'nopass', 'AUTH with any password: must be refused'],
    [trimmer => '(+xadd ~{dmp:*}:trace)', 'XADD {dmp:probe}:trace * b probe o S: must be refused'],
    [operator => '+function|delete', 'FUNCTION DELETE dmp1: must be refused'],
    [operator => '(+del ~{dmp:*}:trace)', 'DEL {dmp:00}:trace: must be refused'],
    [default => '-@all', 'reading the append-only file: must be allowed'],
    [default => 'on nopass +ping', 'PING without AUTH: must be refused'],
    [admin => 'nopass', 'AUTH with any password: must be refused'],

    [gateway => qr/\(\+rpush [^)]*\) /, 'FCALL dmp1_trace 5 '],
    [gateway => qr/\(\+pexpireat [^)]*\) /, 'FCALL dmp1_session 6 '],
    [gateway => qr/ %R~dmp:attempt:\*/, 'FCALL dmp1_attempt 1 '],
    [gateway => qr/\+wait /, 'WAIT 0 1: must be allowed'],
    [gateway => qr/ %W~dmp:writers/, 'HSET dmp:writers probe 1: must be allowed'],
    [sealer => qr/ \+xinfo\|stream/, 'XINFO STREAM {dmp:probe}:trace: must be allowed'],
    [notifier => qr/ \+xack/, 'XACK {dmp:probe}:outbox probe 0-1: must be allowed'],
    [reader => qr/ %R~\{dmp:\*\}:idx:\*/, 'LLEN {dmp:probe}:idx:probe: must be allowed'],
    [trimmer => qr/\(\+ltrim [^)]*\) /, 'LTRIM {dmp:probe}:idx:probe 0 -1: must be allowed'],
    [operator => qr/ \+acl\|dryrun/, 'ACL DRYRUN: must be allowed'],
    [operator => qr/ %W~\{dmp:\*\}:closed/, 'DEL {dmp:00}:closed: must be allowed'],
    [sealer => qr/^user sealer.*/, 'AUTH: must be allowed'],
    [notifier => qr/(?<=notifier )on/, 'AUTH: must be allowed', 'off'],
    [admin => qr/(?<=admin )on/, 'AUTH: must be allowed', 'off'],
    [admin => '-failover', 'FAILOVER: must be allowed'],
    [admin => '-config|set', 'CONFIG SET appendfsync no: must be allowed'],
    [admin => '-client|pause', 'client|pause: must be allowed'],
    [admin => '-xdel', 'XDEL {dmp:probe}:trace 0-1: must be allowed'],
    [admin => qr/~\*/, 'GET dmp-probe: must be allowed', '~dmp:* ~{dmp:*'],
    [admin => qr/&\*/, 'PUBLISH probe probe: must be allowed'],
);

sub mutate
{
    my ($user, $what, $with) = @_;

    my $text = users();

    if (ref $what) {
        $text =~ s{^(user \Q$user\E .*)$}{
            my $line = $1;
            $line =~ s/$what/$with/ or die "$user has no $what\n";
            $line }me or die "no $user\n";

    } else {
        $text =~ s/^(user \Q$user\E .*)$/$1 $what/m or die "no $user\n";
    }

    return $text;
}

# What is done by hand: a failover, settings, users; by nobody else.
sub hands
{
    my ($server) = @_;

    for my $words ('CLIENT PAUSE 1 WRITE', 'CLIENT UNPAUSE', 'REPLICAOF NO ONE',
        'CONFIG SET min-replicas-max-lag 10', 'LATENCY DOCTOR', 'SLOWLOG GET 1',
        'CLIENT LIST', 'INFO all')
    {
        my @command = split ' ', $words;

        ok(eval { as($server, 'admin', @command); 1 }, "$server->{name}: admin: $words")
            or diag($@);
    }

    # Redis would fail over if it could
    eval { as($server, 'admin', 'FAILOVER') };
    like($@, qr/FAILOVER requires connected replicas/, 'and FAILOVER');

    for my $user (grep { !/^(?:admin|trimmer|replica)$/ } @Users) {
        eval { as($server, $user, 'CLIENT', 'PAUSE', 1, 'WRITE') };
        like($@, qr/NOPERM/, "$user: not that");
    }

    # who is off is turned on without a restart, and off again
    for my $user (qw(trimmer replica)) {
        eval { as($server, $user, 'PING') };
        like($@, qr/WRONGPASS/, "$user is off");
        write_file("$server->{dir}/users.acl",
            users() =~ s/^user $user off/user $user on/mr);
        as($server, 'admin', 'ACL', 'LOAD');
        is(as($server, $user, 'PING'), 'PONG', 'and on, when the admin says so');
        write_file("$server->{dir}/users.acl", users());
        as($server, 'admin', 'ACL', 'LOAD');
        eval { as($server, $user, 'PING') };
        like($@, qr/WRONGPASS/, 'and off');
    }
}

for my $server (@Servers) {
    my $name = $server->{name};
    my ($row, $said);

    start($server);
    ($rc, $out, $err) = tool('init', options($server, 'reader'));
    is($rc, 3, "$name: an auditor does not prepare a store");
    ($rc, $out, $err) = prove($server);
    is($rc, 0, "$name: prepared, and proved") or diag($err);
    like($out, qr/It guarantees "fsync"/, 'with what it guarantees');
    like($out, qr/^XADD \{dmp:probe\}:trace \S.*? yes +- +- +- +- +yes +- +yes *$/m, 'a row');
    like($out, qr/^XTRIM \{dmp:probe\}:trace MAXLEN 0 +- +- +yes +- +- +- +- +yes *$/m, 'another');
    like($out, qr/^(?:[1-9]\d{2}) commands that do not stand here "admin" may do each, and nobody/m,
        'and what has none');
    like($out, qr/^"trimmer" is off/m, 'who is off');
    like($out, qr/^"watcher" is a user of somebody else's/m, 'and who is unknown');
    is_deeply(as($server, 'operator', 'SCAN', 0, 'COUNT', 1000)->[1], ['dmp:meta'],
        'nothing is left of it');

    ($rc, $out, $err) = prove($server, '--json');
    my $json = JSON::PP::decode_json($out);
    is("$rc $json->{guarantee} $json->{buckets}", '0 fsync 64', 'for machines');
    ok($json->{proved} && !@{ $json->{differences} }, 'proved');
    ok(!$json->{users}{trimmer}{on} && $json->{users}{reader}{on}, 'who is on');
    is_deeply([map { $json->{users}{$_}{commands}{'WAIT 0 1'} ? 1 : 0 } @Users],
        [1, 0, 0, 0, 0, 1, 0, 1], 'who can do what');

    # a disk that is waited for at each step proves nothing here
    as($server, 'watcher', qw(CONFIG SET appendfsync no));

    for my $change (@Mutations) {
        my ($user, $what, $wanted, $with) = @$change;

        let($server, mutate($user, $what, $with // ''));
        ($rc, $out, $err) = prove($server);

        if (!defined $wanted) {
            is($rc, 0, "$name, $user: $what changes nothing that can be seen");
            next;
        }

        is($rc, 1, "$name, $user: $what");
        like($err, qr/^dmpctl: user "$user": \Q$wanted\E/m, 'is told') or diag($out);
    }

    # what no right prevents: it is seen, by the chains
    let($server, users());
    as($server, 'watcher', 'XADD', '{dmp:probe}:trace', '*', qw(b probe o S)) for 1 .. 3;
    as($server, 'gateway', 'XADD', '{dmp:probe}:trace', 'MAXLEN', 0, '*', qw(b x o S));
    is(as($server, 'watcher', 'XLEN', '{dmp:probe}:trace'), 0,
        "$name: a right to append is one to remove");
    as($server, 'watcher', 'DEL', '{dmp:probe}:trace');

    let($server, users() =~ s/^user (trimmer|replica) off/user $1 on/mgr);
    ($rc, $out, $err) = prove($server);
    is($rc, 0, "$name: also when all are on") or diag($err);
    let($server, users());
    hands($server);

    {
        my $other = "$dir/passwords-$name";

        system('cp', '-r', $files, $other) == 0 or die "cp: $?\n";
        write_file("$other/reader.password", 'ab' x 32 . "\n");
        ($rc, $out, $err) = tool('init', options($server, 'operator'), '--prove', $other);
        is($rc, 3, 'another password');
        like($err, qr{"reader" cannot sign in with \Q$other\E/reader\.password}, 'is named');
        unlink "$other/reader.password";
        ($rc, $out, $err) = tool('init', options($server, 'operator'), '--prove', $other);
        is($rc, 3, 'and none');
        like($err, qr{\Q$other\E/reader\.password: No such file}, 'too');
    }

    as($server, 'watcher', qw(CONFIG SET appendfsync always));

    # what a function has written is written together, or not at all
    as($server, 'gateway', 'FCALL', 'dmp1_append', 3, '{dmp:00}:trace', '{dmp:00}:w:probe',
        '{dmp:00}:closed', '', '1:1:probe', '{}');
    DMP::Proc::stop($server->{pid}, 'KILL');
    launch($server);
    is(as($server, 'watcher', 'XLEN', '{dmp:00}:trace'), 1, "$name: a commit outlives a crash");
    is(as($server, 'watcher', 'HGET', '{dmp:00}:w:probe', 'h'), '1:1:probe', 'all of it');
    as($server, 'watcher', 'DEL', '{dmp:00}:trace', '{dmp:00}:w:probe');
}


# ---------------------------------------------------- the work of each user

my $keys = DMP::keys();
my @opens = ('--record-key', "$keys/record.key");
my @keys = (@opens, '--pseudonym-key', "$keys/pseudonym.key");
my @signs = ('--audit-key', "$keys/audit.key", '--node', 'office');

# What was refused to whom, as the server has it: "user what".
sub refused
{
    my ($server) = @_;

    my @log;

    for my $entry (@{ as($server, 'watcher', 'ACL', 'LOG') }) {
        my %field = @$entry;
        push @log, "$field{username} $field{object}";
    }

    return @log;
}

# A store with all that a gateway needs, made by an operator.
sub ready
{
    my ($server) = @_;

    let($server, users());

    my @operator = options($server, 'operator');
    my $host = 'http://' . backend_address() . '/fhir';

    write_file("$dir/records", JSON::PP::encode_json({ ins => $Ins,
        status => 'open', traits => { family => 'MARTIN', given => 'Jeanne', birthdate => '1985-03-02' },
        emergency => { bris_de_glace => JSON::PP::true, centre_15 => JSON::PP::true },
        authorisations => { 899700218896 =>
            { since => '2020-01-01', until => '2096-01-01' } } }) . "\n");
    write_file("$dir/persons", JSON::PP::encode_json({ kind => 'person',
        ids => ['899700218896'],
        practices => [{ profession => ['1.2.250.1.71.1.2.7', '10'] }] }) . "\n");

    for my $command (
        ['init'], ['init', '--prove', $files],
        ['record', 'import', "$dir/records", @keys, @signs],
        ['record', 'import', "$dir/records", @keys, @signs],
        ['record', 'show', $Ins, @keys],
        ['record', 'authorise', $Ins, $Roux, @keys, @signs, '--policy', policy()],
        ['record', 'withdraw', $Ins, $Roux, @keys, @signs, '--policy', policy()],
        ['directory', 'import', "$dir/persons", @opens, @signs],
        ['directory', 'show', '899700218896', @opens],
        ['index', 'build', $host, '--host', 'demo', @keys, @signs, '--policy', policy()],
        ['index', 'build', $host, '--host', 'demo', @keys, @signs, '--policy', policy(),
            '--clear-claims'],
    ) {
        my ($rc, $out, $err) = tool(@$command, @operator);

        is($rc, 0, "$server->{name}: operator: " . join ' ', grep { defined } @$command[0, 1]) or diag($err);
        as($server, 'watcher', 'ACL', 'LOG', 'RESET') if $command->[1] // '' eq '--prove';
    }
}

ready($_) for @Servers;

# The configuration of a gateway that is nothing but that user.
our %Conf;

for my $server (@Servers) {
    $Conf{$server->{name}} = DMP::config(
        redis => "unix:$server->{dir}/sock user=gateway"
            . " password_file=$files/gateway.password",
        http => 'dmp_directory_valid 0;', location => 'dmp_record_host demo;',
        server => 'location /api/ { dmp_api; dmp_record_host demo; }');
}

our %Server = map { $_->{name} => $_ } @Servers;

sub verified
{
    my ($server) = @_;

    my ($rc, $out, $err) = tool('audit', 'verify', options($server, 'reader'),
        '--audit-public-key', "$keys/audit.pub");

    return is($rc, 0, 'the auditor: the trace is whole') || diag("$out$err");
}

# A check, reads and a change; then what the auditor sees, and what was refused.
sub works
{
    my ($server) = @_;

    my ($r) = map { $_->{entry} } request(get => $Check, as => 'morel')->{json};
    is($r->[0]{resource}{name}[0]{family}, 'MARTIN', 'a check');
    my $list = request(get => $Search, as => 'morel')->{json};
    my ($document) = map { $_->{resource} } @{ $list->{entry} };
    ok($document, 'a search') or return;
    my $id = $document->{id};
    is(request(get => "/fhir/DocumentReference/$id", as => 'morel')->{status}, 200,
        'a document, by the index');
    my ($url) = map { $_->{attachment}{url} } @{ $document->{content} };
    is(request(get => '/fhir/' . $url =~ s{^.*/fhir/}{}r, as => 'morel')->{status}, 200,
        'its content, by the index');
    is(request(get => $Search, as => 'roux')->{status}, 403, 'who has no right');
    is(request(get => $Search, as => 'roux', headers => [
        'DMP-Access-Mode: bris-de-glace', 'DMP-Justification: inconsciente',
        'DMP-Patient-Family: MARTIN', 'DMP-Patient-Given: Jeanne',
        'DMP-Patient-Birthdate: 1985-03-02'])->{status}, 200, 'an emergency');
    is(request(put => "/api/records/$Ins/authorisations/$Roux", as => 'roux',
        headers => ['Content-Type: application/json'],
        body => '{"consent":true}')->{status}, 200, 'a change');
    is(request(get => $Search, as => 'roux')->{status}, 200, 'which counts');

    # as a gateway does it that saw the store go back
    my $gateway = as($server, 'gateway');
    $gateway->call('FCALL', 'dmp1_close', 3, '{dmp:07}:closed', 'dmp:closed', 'dmp:meta',
        'gateway', 'a test', 7, 0);
    my ($rc, $out, $err) = tool('audit', 'recover', '--all', '--confirm', '--audit-key',
        "$keys/audit.key", '--node', 'office', options($server, 'operator'));
    is($rc, 0, 'an operator reopens a bucket') or diag("$out$err");
    is(as($server, 'watcher', 'EXISTS', '{dmp:07}:closed', 'dmp:closed'), 0, 'all of it');

    for my $command (['stats'], ['tail', '--last', 5], ['export', '--format', 'csv'],
        ['export', '--format', 'fhir'],
        ['case', $Ins, @keys, '--audit-public-key', "$keys/audit.pub"])
    {
        ($rc, $out, $err) = tool('audit', @$command, options($server, 'reader'));
        is($rc, 0, "the auditor: $command->[0]") or diag("$out$err");
        ok(length $out > 100, 'says something');
    }

    my $outbox = as($server, 'watcher', 'KEYS', '{dmp:*}:outbox');
    is(scalar @$outbox, 1, 'somebody is told');
    verified($server);
    is_deeply([refused($server)], [], 'nothing was refused to anybody');
}

DMP::configure(redis => "unix:$Servers[0]{dir}/sock");
DMP::run();

__DATA__

=== TEST 1: a gateway on Valkey 8
--- http_config eval: $main::Conf{valkey}
--- code
works($main::Server{valkey});
DMP::reload();
wait_for { request(get => $main::Check, as => 'morel')->{status} == 200 } 'another worker';
verified($main::Server{valkey});
is_deeply([refused($main::Server{valkey})], [], 'and its successor needs no more');



=== TEST 2: a gateway on Redis 7.0
--- http_config eval: $main::Conf{redis} // $main::Conf{valkey}
--- code
SKIP: {
    skip 'no Redis 7.0 here' if !$main::Server{redis};
    works($main::Server{redis});
}
