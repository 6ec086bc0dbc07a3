# What "nginx -t" refuses, and that it says where: every directive that is
# missing, given twice or wrong, and every file that one of them names.

use strict;
use warnings;

use File::Basename ();

use lib 't/lib';
use DMP;
use Test::More;

our $Keys = DMP::keys();
our $Dir = DMP::Proc::dir();

# A file with that text, or one that openssl makes.
sub file
{
    my ($name, $text) = @_;

    open my $out, '>:raw', "$Dir/$name" or die "$Dir/$name: $!\n";
    print $out $text;
    close $out or die "$Dir/$name: $!\n";

    return "$Dir/$name";
}

sub key
{
    my ($name, @how) = @_;

    system('openssl', 'genpkey', '-quiet', '-out', "$Dir/$name", @how) == 0
        or die "openssl: $?\n";

    return "$Dir/$name";
}

# The configuration without a directive, or with another argument to it.
sub without { return DMP::config() =~ s/^\s*$_[0] [^;]*;//mr }
sub with { my ($name, $value) = @_; return DMP::config() =~ s/^(\s*$name )[^;]*;/$1$value;/mr }

# The policy, as a file of that name beside it, with a change to its text.
sub changed
{
    my ($name, $from, $to) = @_;

    my $text = slurp(policy());
    my $n = $text =~ s/$from/$to/;

    die "no $from in the policy\n" if !$n;

    return with('dmp_policy', file("policy/$name", $text));
}

# A policy of its own, with a change made to one of the files it names.
sub beside
{
    my ($folder, $name, $from, $to) = @_;

    system('cp', '-r', File::Basename::dirname(policy()), "$Dir/$folder") == 0
        or die "cp: $?\n";

    my $text = slurp("$Dir/$folder/$name");
    my $n = $text =~ s/$from/$to/;

    die "no $from in $name\n" if !$n;

    file("$folder/$name", $text);

    return with('dmp_policy', "$Dir/$folder/policy.json");
}

sub line_of
{
    my ($name, $pattern) = @_;

    $name = "policy/$name" if $name !~ m{/};

    my ($before) = slurp("$Dir/$name") =~ /\A(.*?)$pattern/s;

    return 1 + ($before =~ tr/\n//);
}


# "says": what nginx says besides [emerg], in a configuration it refuses
add_block_preprocessor(sub {
    my ($block) = @_;

    return if !defined $block->says;

    $block->set_value(must_die => '');
    $block->set_value(suppress_stderr => '');
    $block->set_value(error_log => join "\n", map { s/^\s+|\s+$//gr }
        grep { /\S/ } split /\n/, $block->says);
});

DMP::run();

__DATA__

=== TEST 1: a protected location needs a store
--- http_config eval: main::without('dmp_redis')
--- says
\[emerg\] .*"dmp on" needs "dmp_redis" in \S+/nginx\.conf:\d+



=== TEST 2: an audit key
--- http_config eval: main::without('dmp_audit_key')
--- says
\[emerg\] .*"dmp on" needs "dmp_audit_key" in \S+/nginx\.conf:\d+



=== TEST 3: a record key
--- http_config eval: main::without('dmp_record_key')
--- says
\[emerg\] .*"dmp on" needs "dmp_record_key" in \S+/nginx\.conf:\d+



=== TEST 4: a pseudonym key
--- http_config eval: main::without('dmp_pseudonym_key')
--- says
\[emerg\] .*"dmp on" needs "dmp_pseudonym_key" in \S+/nginx\.conf:\d+



=== TEST 5: a policy
--- http_config eval: main::without('dmp_policy')
--- says
\[emerg\] .*"dmp on" needs "dmp_policy" in \S+/nginx\.conf:\d+



=== TEST 6: where nothing is protected nothing is needed
--- http_config
--- config
location /x { dmp off; return 200 'x'; }
--- code
is(request(plain => 1, get => '/x')->{status}, 200, 'served');



=== TEST 7: the line is that of "dmp on", where it is inherited too
--- http_config eval: main::without('dmp_policy') =~ s/(server \{\n)/$1dmp on;\n/r =~ s/^\s*dmp on;\n(?=\s*dmp_resource)//mr
--- says
\[emerg\] .*"dmp on" needs "dmp_policy" in \S+/nginx\.conf:\d+



=== TEST 8: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_redis [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_redis" directive is duplicate in \S+/nginx\.conf:\d+



=== TEST 9: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_audit_key [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_audit_key" directive is duplicate in



=== TEST 10: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_record_key [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_record_key" directive is duplicate in



=== TEST 11: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_pseudonym_key [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_pseudonym_key" directive is duplicate in



=== TEST 12: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_policy [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_policy" directive is duplicate in



=== TEST 13: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_audit_durability [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_audit_durability" directive is duplicate in



=== TEST 14: duplicates
--- http_config eval: DMP::config() =~ s/^(\s*dmp_node [^;]+;)/$1 $1/mr
--- says
\[emerg\] .*"dmp_node" directive is duplicate in



=== TEST 15: duplicates
--- dmp: location => 'dmp on;'
--- says
\[emerg\] .*"dmp" directive is duplicate in



=== TEST 16: duplicates
--- dmp: location => 'dmp_resource fhir;'
--- says
\[emerg\] .*"dmp_resource" directive is duplicate in



=== TEST 17: values that a directive does not have
--- dmp: dmp => 'maybe'
--- says
\[emerg\] .*invalid value "maybe": it is "on" or "off" in \S+/nginx\.conf:\d+



=== TEST 18: values that a directive does not have
--- http_config eval: DMP::config() =~ s/dmp_resource fhir/dmp_resource xds/r
--- says
\[emerg\] .*invalid value "xds": it is "fhir" in \S+/nginx\.conf:\d+



=== TEST 19: values that a directive does not have
--- dmp: durability => 'everysec'
--- says
\[emerg\] .*invalid value "everysec": it is "memory", "fsync" or "replicas" in \S+/nginx\.conf:\d+



=== TEST 20: values that a directive does not have
--- dmp: location => 'dmp_receipt yes;'
--- says
\[emerg\] .*invalid value "yes" in "dmp_receipt" directive.* in \S+/nginx\.conf:\d+



=== TEST 21: values that a directive does not have
--- dmp: location => 'dmp_max_answer_size much;'
--- says
\[emerg\] .*"dmp_max_answer_size" directive invalid value in \S+/nginx\.conf:\d+



=== TEST 22: a name that does not fit into a trace
--- dmp: node => 'n' x 300
--- says
\[emerg\] .*"dmp_node" has more than \d+ bytes



=== TEST 23: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 timeout=0/r
--- says
\[emerg\] .*invalid parameter "timeout=0" in \S+/nginx\.conf:\d+



=== TEST 24: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 connect_timeout=soon/r
--- says
\[emerg\] .*invalid parameter "connect_timeout=soon" in



=== TEST 25: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 db=-1/r
--- says
\[emerg\] .*invalid parameter "db=-1" in



=== TEST 26: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 tls=on/r
--- says
\[emerg\] .*invalid parameter "tls=on" in



=== TEST 27: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 user=gateway/r
--- says
\[emerg\] .*"dmp_redis" directive has "user" without "password_file" in



=== TEST 28: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 password_file=$main::Dir\/nothing/r
--- says
\[emerg\] .*open\(\) "\S+/nothing" failed \(2: No such file or directory\) in



=== TEST 29: parameters of the store
--- http_config eval: my $f = main::file('password', "a\0b\n"); DMP::config() =~ s/(dmp_redis [^;]+)/$1 user=g password_file=$f/r
--- says
\[emerg\] .*"\S+/password" does not hold one password in



=== TEST 30: the address of the store
--- dmp: redis => '127.0.0.1:99999'
--- says
\[emerg\] .*invalid port in "127\.0\.0\.1:99999" in \S+/nginx\.conf:\d+



=== TEST 31: the store is one for all
--- dmp: server => 'dmp_redis 127.0.0.1;'
--- says
\[emerg\] .*"dmp_redis" directive is not allowed here in



=== TEST 32: the FHIR base is a plain prefix
--- dmp: path => '~ ^/fhir/'
--- says
\[emerg\] .*"dmp_resource" directive needs a location that is a plain prefix: .* in \S+/nginx\.conf:\d+



=== TEST 33: the FHIR base is a plain prefix
--- dmp: path => '@fhir'
--- says
\[emerg\] .*"dmp_resource" needs a location that is a plain prefix, or "dmp_denied", in \S+/nginx\.conf:\d+



=== TEST 331: nor is it one beside "dmp_denied" that others could reach
--- dmp: server => 'location ~ /denied { dmp_denied; dmp_resource fhir; }'
--- says
\[emerg\] .*"dmp_resource" directive needs a location that is a plain prefix: .* in



=== TEST 332: "dmp_denied" where something is to be allowed
--- dmp: location => 'dmp_denied;'
--- says
\[emerg\] .*"dmp_denied" directive cannot be beside "dmp": nothing is allowed there in



=== TEST 333: and the reverse
--- dmp: server => 'location @denied { dmp_denied; dmp on; }'
--- says
\[emerg\] .*"dmp" directive cannot be beside "dmp_denied": nothing is allowed there in



=== TEST 334: "dmp_denied" twice
--- dmp: server => 'location @denied { dmp_denied; dmp_denied; }'
--- says
\[emerg\] .*"dmp_denied" directive is duplicate in



=== TEST 335: it traces, too
--- http_config eval: main::without('dmp_redis') =~ s/dmp on;/dmp_denied;/r
--- says
\[emerg\] .*"dmp_denied" needs "dmp_redis" in \S+/nginx\.conf:\d+



=== TEST 336: cards, and nothing that would tell which are revoked
--- http_config eval: main::without('ssl_crl')
--- says
\[emerg\] .*"dmp" in \S+/nginx\.conf:\d+ needs "ssl_crl" or "ssl_ocsp" in its server: a revoked card would be accepted



=== TEST 337: whoever signed them
--- http_config eval: main::without('ssl_crl') =~ s/ssl_verify_client optional;/ssl_verify_client optional_no_ca;/r
--- says
\[emerg\] .*"dmp" in \S+/nginx\.conf:\d+ needs "ssl_crl" or "ssl_ocsp" in its server



=== TEST 3371: early data, which can be sent again
--- dmp: server => 'ssl_early_data on;'
--- says
\[emerg\] .*"ssl_early_data" cannot be used with "dmp" in \S+/nginx\.conf:\d+



=== TEST 3372: a grace of years
--- dmp: http => 'dmp_crl_grace 400d;'
--- says
\[emerg\] .*"dmp_crl_grace" is longer than a month



=== TEST 338: a grace that is no time
--- dmp: http => 'dmp_crl_grace soon;'
--- says
\[emerg\] .*"dmp_crl_grace" directive invalid value in



=== TEST 339: and how long an entry of the directory is valid
--- dmp: http => 'dmp_directory_valid -1;'
--- says
\[emerg\] .*"dmp_directory_valid" directive invalid value in



=== TEST 34: files that are not there
--- http_config eval: main::with('dmp_audit_key', "$main::Dir/nothing")
--- says
\[emerg\] .*open\(\) "\S+/nothing" failed \(2: No such file or directory\) in \S+/nginx\.conf:\d+



=== TEST 35: files that are not there
--- http_config eval: main::with('dmp_policy', "$main::Dir/nothing")
--- says
\[emerg\] .*open\(\) "\S+/nothing" failed \(2: No such file or directory\) in



=== TEST 36: what is no file
--- http_config eval: main::with('dmp_record_key', '/')
--- says
\[emerg\] .*"/" is not a file



=== TEST 37: a key in PEM
--- http_config eval: main::with('dmp_audit_key', main::file('text', "nothing\n"))
--- says
\[emerg\] .*"\S+/text" holds no private key in PEM in \S+/nginx\.conf:\d+



=== TEST 38: a private key
--- http_config eval: main::with('dmp_audit_key', "$main::Keys/audit.pub")
--- says
\[emerg\] .*"\S+/audit\.pub" holds no private key in PEM in



=== TEST 39: of the right type
--- http_config eval: main::with('dmp_audit_key', main::key('ec.pem', qw(-algorithm EC -pkeyopt ec_paramgen_curve:P-256)))
--- says
\[emerg\] .*the key in "\S+/ec\.pem" is not Ed25519: make one with "dmpctl keygen audit" in



=== TEST 40: that asks nobody for a passphrase
--- http_config eval: main::with('dmp_audit_key', main::key('locked.pem', qw(-algorithm ED25519 -aes256 -pass pass:x)))
--- says
\[emerg\] .*"\S+/locked\.pem" holds no private key in PEM in



=== TEST 41: keys in hex: too short
--- http_config eval: main::with('dmp_record_key', main::file('short.key', 'ab' x 31 . "\n"))
--- says
\[emerg\] .*"\S+/short\.key" does not hold one key of 64 hexadecimal digits in \S+/nginx\.conf:\d+



=== TEST 42: keys in hex: not hex, on the second line
--- http_config eval: main::with('dmp_record_key', main::file('wrong.key', 'ab' x 32 . "\n" . 'ag' x 32 . "\n"))
--- says
\[emerg\] .*"\S+/wrong\.key" does not hold one key



=== TEST 43: keys in hex: none
--- http_config eval: main::with('dmp_record_key', main::file('empty.key', ''))
--- says
\[emerg\] .*"\S+/empty\.key" does not hold one key



=== TEST 44: keys in hex: two where there is one
--- http_config eval: main::with('dmp_pseudonym_key', main::file('two.key', 'ab' x 32 . "\n" . 'cd' x 32 . "\n"))
--- says
\[emerg\] .*"\S+/two\.key" does not hold one key of 64 hexadecimal digits in



=== TEST 45: keys in hex: an error does not repeat the key
--- http_config eval: main::with('dmp_pseudonym_key', main::file('long.key', 'abcdef0123456789' x 5))
--- says
\[emerg\] (?!.*abcdef0123456789).*"\S+/long\.key" does not hold one key



=== TEST 46: a policy that is not JSON
--- http_config eval: main::changed('syntax.json', '"settings"', '"settings')
--- says eval
'\[emerg\] .* in policy "\S+/syntax\.json":' . main::line_of('syntax.json', '"settings') . ' in \S+/nginx\.conf:\d+'



=== TEST 47: a member that it does not have
--- http_config eval: main::changed('unknown.json', '"ins_key"', '"ins_keys"')
--- says eval
'\[emerg\] .*unknown member "ins_keys" in "settings" in policy "\S+/unknown\.json":' . main::line_of('unknown.json', '"ins_keys"') . ' in \S+/nginx\.conf:\d+'



=== TEST 48: a member twice
--- http_config eval: main::changed('twice.json', '"settings": \{', '"settings": { "ins_key": false,')
--- says eval
'\[emerg\] .*duplicate object key.* in policy "\S+/twice\.json":\d+ in'



=== TEST 49: a value of another type
--- http_config eval: main::changed('type.json', '"ins_key": true', '"ins_key": "true"')
--- says eval
'\[emerg\] .*"ins_key" is not true or false in policy "\S+/type\.json":' . main::line_of('type.json', '"ins_key"') . ' in'



=== TEST 50: a role that it does not have
--- http_config eval: main::changed('role.json', '"role": "organisations"', '"role": "people"')
--- says eval
'\[emerg\] .*"people" is not a "role": it is "persons" or "organisations" in policy "\S+/role\.json":' . main::line_of('role.json', '"people"') . ' in'



=== TEST 501: an organisations chain that makes persons
--- http_config eval: main::changed('makes.json', '"makes": \["structure"\]', '"makes": ["structure", "cps"]')
--- says eval
'\[emerg\] .*a chain of organisations does not make "cps" in policy "\S+/makes\.json":' . main::line_of('makes.json', '"structure", "cps"') . ' in'



=== TEST 502: a TEST authority that is not marked
--- http_config eval: main::changed('unmarked.json', '"test": true,', '"test": false,')
--- says eval
'\[emerg\] .*"IGC-SANTE TEST" names a TEST authority.* in policy "\S+/unmarked\.json":' . main::line_of('unmarked.json', '"IGC-SANTE TEST"') . ' in'



=== TEST 503: a feeder that is no structure
--- http_config eval: main::changed('feeder.json', '"2180035024"', '"218003502"')
--- says eval
'\[emerg\] .*"218003502" is not a Struct_IdNat.* in policy "\S+/feeder\.json":' . main::line_of('feeder.json', '"218003502"') . ' in'



=== TEST 51: another version
--- http_config eval: main::changed('format.json', 'dmp-policy/1', 'dmp-policy/2')
--- says
\[emerg\] .*"format" is "dmp-policy/2", this version reads "dmp-policy/1" in policy



=== TEST 52: no authorities
--- http_config eval: main::changed('none.json', '(?s)"chains": \[.*?\n  \]', '"chains": []')
--- says
\[emerg\] .*"chains" is an empty list in policy "\S+/none\.json":\d+ in



=== TEST 521: a cell that is no answer, in a file that the policy names
--- http_config eval: main::beside('cell', 'rights-526.json', '"oui\(6\)"', '"nein"')
--- says eval
'\[emerg\] .*"nein" .* in policy "\S+/cell/rights-526\.json":' . main::line_of('cell/rights-526.json', '"nein"') . ' in \S+/nginx\.conf:\d+'



=== TEST 522: a file that is not there
--- http_config eval: main::changed('gone.json', '"labels.json"', '"gone-labels.json"')
--- says eval
'\[emerg\] .*gone-labels\.json'



=== TEST 523: a file of another folder
--- http_config eval: main::changed('out.json', '"labels.json"', '"../labels.json"')
--- says eval
'\[emerg\] .*"\.\./labels\.json" .* in policy "\S+/out\.json":' . main::line_of('out.json', '"labels"') . ' in'



=== TEST 53: a reload that is refused leaves the old workers serving
--- http_config eval
main::file('policy/live.json', main::slurp(main::policy()));
main::with('dmp_policy', "$main::Dir/policy/live.json")
--- code
my $path = '/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151';
is(request(as => 'petit', get => $path)->{status}, 200, 'before');
my @before = worker_pids();
file('policy/live.json', "{\n");
kill 'HUP', nginx_pid();
wait_for { slurp(DMP::error_log()) =~ /in policy "\S+live\.json":\d/ } 'the refusal';
is(request(as => 'petit', get => $path)->{status}, 200, 'after');
is_deeply([worker_pids()], \@before, 'the same workers');
--- error_log
\[emerg\] .* in policy "\S+/live\.json":\d+



=== TEST 531: a reload takes the policy whole, with the files that it names
--- http_config eval: main::beside('swap', 'rights-526.json', '"TD0.2', '"TD0.2')
--- code
my $path = '/fhir/Patient?identifier=urn:oid:1.2.250.1.213.1.4.8|285037512000151';
my $mark = trace_mark();
is(request(as => 'petit', get => $path)->{status}, 200, 'before');
my $text = slurp("$Dir/swap/rights-526.json");
my $n = $text =~ s/(TD0\.2[^\n]*"cells": )\[([^\n\]]*)\]/"$1\[" . $2 =~ s{"oui"}{"non"}gr . "\]"/e;
is($n, 1, 'the row of check says no to everybody');
file('swap/rights-526.json', $text);
is(request(as => 'petit', get => $path)->{status}, 200, 'and nobody has read it yet');
my %old = map { $_ => 1 } worker_pids();
DMP::reload();
wait_for { !grep { $old{$_} } worker_pids() } 'the old worker to end';
is(request(as => 'petit', get => $path)->{status}, 403, 'after');
my ($first, undef, $last) = map { $_->{body} } trace($mark);
is("$last->{rule} $last->{reason}", 'E1 right-missing', 'by the new table');
isnt($last->{policy}, $first->{policy}, 'and its digest is another');



=== TEST 54: the sample configurations load, once the files they name are there
--- code
DMP::dmpctl('keygen', 'session', $Keys);
my $pki = pki();
my $sample = "$Dir/sample";
File::Path::make_path("$sample/dmp");
my %files = ('dmp/audit.key' => "$Keys/audit.key", 'dmp/record.key' => "$Keys/record.key",
    'dmp/pseudonym.key' => "$Keys/pseudonym.key",
    'dmp/session.key' => "$Keys/session.key", 'dmp/policy' => DMP::Proc::root() . '/conf/policy',
    'igc-sante.pem' => "$pki/clients-ca.pem", 'igc-sante.crl' => "$pki/crl.pem",
    'record-host-ca.pem' => "$pki/server-ca.pem",
    map { ("$_.pem" => "$pki/server.pem", "$_.key" => "$pki/server.key") }
        'dmp.example.org', 'cartes.dmp.example.org', 'gateway-1',
        'centre-15.dmp.example.org', 'centre-15-1');
$files{'dmp-server.conf'} = DMP::Proc::root() . '/conf/dmp-server.conf';
symlink $files{$_}, "$sample/$_" for CORE::keys %files;
my $port = tls_port();
my $load = $ENV{TEST_NGINX_LOAD_MODULES};
for my $conf ('nginx.conf', 'centre-15.conf') {
    my $text = slurp(DMP::Proc::root() . "/conf/$conf");
    # what only a machine of its own has: ports, pid, logs, the module in its place
    $text =~ s/^(\s*listen )10\.0\.0\.(\d+):443/${1}127.0.0.$2:$port/mg;
    $text =~ s{/run/nginx\.pid}{$sample/pid};
    $text =~ s{/var/log/nginx}{$sample}g;
    $text =~ s/^load_module .*/$load ? "load_module $load;" : ''/em;
    my $main = file("sample/$conf", $text);
    my $said = `$ENV{TEST_NGINX_BINARY} -t -e stderr -p $sample/ -c $main 2>&1`;
    is($?, 0, "$conf loads") or diag $said;
    unlike($said, qr/\[(?:warn|error)\]/, 'without a warning');
}



=== TEST 55: parameters of the store
--- http_config eval: DMP::config() =~ s/(dmp_redis [^;]+)/$1 busy_poll=always/r
--- says
\[emerg\] .*invalid parameter "busy_poll=always" in



=== TEST 56: sessions: what is no key of theirs
--- http_config eval: DMP::config(http => 'dmp_session_key ' . DMP::keys() . '/audit.key;')
--- main_config
thread_pool dmp threads=1;
--- says
\[emerg\] .*"\S+/audit\.key" is not a key of EC P-256: make one with "dmpctl keygen session" in



=== TEST 57: a public key cannot sign
--- http_config eval: DMP::config(http => 'dmp_session_key ' . DMP::keys() . '/session.pub;')
--- main_config
thread_pool dmp threads=1;
--- says
\[emerg\] .*"\S+/session\.pub" is public: the first key must be private, it signs in



=== TEST 58: passwords need threads
--- http_config eval: DMP::config(http => 'dmp_session_key ' . DMP::keys() . '/session.key;')
--- main_config
--- says
\[emerg\] .*unknown thread pool "dmp" in



=== TEST 59: a rate of sign-ins that is none
--- http_config eval: DMP::config(http => 'dmp_signin_rate 10;')
--- says
\[emerg\] .*invalid rate "10": it is 1r/m to 10000r/m in
