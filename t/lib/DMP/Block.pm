package DMP::Block;

# The sections of a test block, and what they assert.
#
# The request, sent over HTTP/1.1 and again over HTTP/2:
#   get, head, post, put, patch, delete   the path
#   as        name of a certificate of the test PKI (none without it)
#   headers   lines "Name: value"         body   as it is sent
#   http      "1.1" or "2": only that     setup  Perl, run before each request
#   code      Perl instead of a request: everything DMP exports, and Test::More
#
# The configuration (see DMP::config; all optional):
#   dmp       Perl: arguments of config(), "location => 'dmp observe;'"
#   http_config, config, main_config, must_die, ...   as in Test::Nginx
#
# The answer:
#   status    200                         curl   exit code of curl, 0 else
#   header    lines of assertions on headers: "Name = value"
#   json      lines of assertions on the body: "entry.0.resource.id = x"
#   like, unlike                          lines, each a regex on the body
#
# What the record host received, between this request and its answer:
#   backend   "none", or one line "METHOD target" per request
#   backend_like, backend_unlike          lines, each a regex on its whole log
#
# The trace: "none", or groups of assertions, apart by an empty line, one for
# each entry of the request; what an entry holds is under body, outcome, id.
#   trace
#
# error.log:
#   error_log, no_error_log               lines, each a regex
#   A forbidden line (DMP::Guard) fails the block unless error_log expects it.
#
# Assertions are "path = text", "path != text", "path ~ regex", "path !~ regex",
# "path exists" and "path absent"; "list.# = 3" counts.

use strict;
use warnings;

use Digest::SHA ();
use Encode ();
use JSON::PP ();
use Test::More ();

use DMP::Proc qw(dir wait_for slurp);

my @methods = qw(get head post put patch delete);
my $json = JSON::PP->new->canonical->allow_nonref;
my @last_allowed;


sub lines
{
    my ($text) = @_;

    return grep { /\S/ } split /\n/, $text // '';
}


sub patterns
{
    return map { s/^\s+|\s+$//gr } lines(@_);
}


# Before Test::Nginx looks at the block.
sub prepare
{
    my ($block) = @_;

    if (!defined $block->http_config) {
        my @args = defined $block->dmp ? perl($block, $block->dmp) : ();
        $block->set_value(http_config => DMP::config(@args));
    }

    # where passwords are looked at
    if ($block->http_config =~ /dmp_session_key/ && !defined $block->main_config) {
        $block->set_value(main_config => "thread_pool dmp threads=2;\n");
    }

    $block->set_value(error_log_file => DMP::error_log());

    # nginx is started anew when this text changes
    my $all = join "\0", map { $_ // '' }
        $block->http_config, $block->main_config, $block->post_main_config;

    $block->set_value(config =>
        '# ' . Digest::SHA::sha1_hex(Encode::encode_utf8($all)) . "\n"
        . ($block->config // ''));
}


sub perl
{
    my ($block, $code) = @_;

    my @result = eval "package main; no strict 'vars';\n#line 1 \""
        . $block->name . "\"\n$code";

    die $@ if $@;

    return @result;
}


# Test::Nginx calls this once the block's nginx runs.
sub run
{
    my ($block) = @_;

    my $name = $block->name;
    my @allowed = map { qr/$_/ } patterns(scalar $block->error_log);

    # so far: the end of the last nginx, and the start of this one
    check_guard("$name - start", @last_allowed, @allowed);
    @last_allowed = @allowed;

    my $log = -s DMP::error_log() // 0;

    if (defined $block->code) {
        eval { perl($block, $block->code); 1 }
            or Test::More::fail("$name - $@");

    } else {
        for my $http (defined $block->http ? $block->http : ('1.1', '2')) {
            eval { run_request($block, $http); 1 }
                or Test::More::fail("$name - $@");
        }
    }

    check_error_log($block, $log);
    check_guard($name, @allowed);
}


sub run_request
{
    my ($block, $http) = @_;

    my ($method) = grep { defined $block->$_ } @methods;
    my $name = $block->name . ' (HTTP/' . ($http =~ s/\.0$//r) . ')';

    die "no request in this block\n" if !defined $method;

    perl($block, $block->setup) if defined $block->setup;

    my $mark = defined $block->trace ? DMP::trace_mark() : undef;
    my $seen = -s DMP::backend_log() // 0;

    # a section that is not there is an empty list, not undef
    my $r = DMP::request($method => scalar $block->$method,
        as => scalar $block->as, http => $http, body => scalar $block->body,
        headers => [patterns(scalar $block->headers)]);

    Test::More::is($r->{curl}, $block->curl // 0, "$name - curl's exit code")
        or Test::More::diag($r->{error});
    Test::More::like($r->{http}, qr/^\Q$http\E/, "$name - protocol")
        if $r->{http} ne '0' && $r->{status} != 0;

    my $good = Test::More->builder->is_passing;

    if (defined $block->status) {
        Test::More::is($r->{status}, $block->status, "$name - status");
    }

    for my $line (lines(scalar $block->header)) {
        assertion("$name - header", { map { lc $_ => $r->{headers}{$_} }
            keys %{ $r->{headers} } }, $line =~ s/^\s*([^\s]+)/lc $1/er, 1);
    }

    for my $line (lines(scalar $block->json)) {
        assertion("$name - json", $r->{json}, $line);
    }

    for my $pattern (patterns(scalar $block->like)) {
        Test::More::like($r->{body}, qr/$pattern/, "$name - like $pattern");
    }

    for my $pattern (patterns(scalar $block->unlike)) {
        Test::More::unlike($r->{body}, qr/$pattern/, "$name - unlike $pattern");
    }

    check_backend($block, $name, $seen);
    check_trace($block, $name, $mark) if $mark;

    if ($good && !Test::More->builder->is_passing) {
        Test::More::diag("$r->{head}" . substr $r->{body}, 0, 2000);
    }
}


sub check_backend
{
    my ($block, $name, $seen) = @_;

    # the record host logs a request before it answers it
    my $log = substr slurp(DMP::backend_log()), $seen;
    my @got = map { $json->decode($_) } split /\n/, $log;

    if (defined $block->backend) {
        my @want = patterns(scalar $block->backend);

        @want = () if "@want" eq 'none';

        Test::More::is_deeply([map { "$_->{method} $_->{target}" } @got], \@want,
            "$name - what the record host received");
    }

    for my $pattern (patterns(scalar $block->backend_like)) {
        Test::More::like($log, qr/$pattern/, "$name - received $pattern");
    }

    for my $pattern (patterns(scalar $block->backend_unlike)) {
        Test::More::unlike($log, qr/$pattern/, "$name - not received $pattern");
    }
}


sub check_trace
{
    my ($block, $name, $mark) = @_;

    my @groups = $block->trace =~ /^\s*none\s*$/
        ? () : grep { /\S/ } split /\n\s*\n/, $block->trace;
    my $kinds = $block->trace_kinds ? qr/^(?:${\ $block->trace_kinds})$/ : undef;
    my @entries;

    # outcomes come after the answer
    eval { wait_for {
        @entries = DMP::trace($mark, $kinds);
        @entries >= @groups
    } 'the trace', 3 };

    Test::More::is(scalar @entries, scalar @groups, "$name - entries of trace")
        or Test::More::diag($json->pretty->encode(\@entries));

    for my $group (@groups) {
        my $entry = shift @entries;

        for my $line (lines($group)) {
            assertion("$name - trace", $entry, $line);
        }
    }
}


sub check_error_log
{
    my ($block, $from) = @_;

    my $name = $block->name;

    for my $pattern (patterns(scalar $block->error_log)) {
        my $found = eval { wait_for {
            substr(slurp(DMP::error_log()), $from) =~ /$pattern/m
        } 'a line in error.log', 3 };

        Test::More::ok($found, "$name - error.log has $pattern");
    }

    for my $pattern (patterns(scalar $block->no_error_log)) {
        Test::More::unlike(substr(slurp(DMP::error_log()), $from),
            qr/$pattern/m, "$name - error.log has no $pattern");
    }
}


# For blocks with must_die: nginx wrote why before it had read error_log.
sub check_refusal
{
    my ($block) = @_;

    my $log = slurp("$ENV{TEST_NGINX_SERVROOT}/logs/error.log");

    for my $pattern (patterns(scalar $block->error_log)) {
        Test::More::like($log, qr/$pattern/m,
            $block->name . " - nginx says $pattern");
    }
}


sub check_guard
{
    my ($name, @allowed) = @_;

    @allowed = @last_allowed if !@allowed;

    for my $line (DMP::guard()->verdict(@allowed)) {
        chomp $line;
        Test::More::fail("$name - guard: $line");
    }
}


# One line of "path operator value" on a JSON value, or on a flat hash.
sub assertion
{
    my ($name, $value, $line, $flat) = @_;

    my ($path, $op, $want) = $line
        =~ /^\s*(\S+)\s+(=|!=|~|!~|exists|absent)(?:\s+(.*?))?\s*$/
        or die "not an assertion: $line\n";

    my $got = $value;

    for my $step ($flat ? $path : split /\./, $path) {
        if ($step eq '#') {
            $got = ref $got eq 'ARRAY' ? @$got
                : ref $got eq 'HASH' ? keys %$got : undef;

        } else {
            $got = ref $got eq 'HASH' ? $got->{$step}
                : ref $got eq 'ARRAY' && $step =~ /^-?\d+$/ ? $got->[$step]
                : undef;
        }
    }

    my $text = !defined $got ? undef
        : JSON::PP::is_bool($got) ? ($got ? 'true' : 'false')
        : ref $got ? $json->encode($got) : $got;

    $name .= " $path $op" . (defined $want ? " $want" : '');
    $want //= '';

    if ($op eq 'absent') {
        return Test::More::ok(!defined $text, $name)
            || Test::More::diag("it is $text");
    }

    if (!defined $text) {
        return Test::More::fail($name) || Test::More::diag('it is absent');
    }

    return $op eq '=' ? Test::More::is($text, $want, $name)
        : $op eq '!=' ? Test::More::isnt($text, $want, $name)
        : $op eq '~' ? Test::More::like($text, qr/$want/, $name)
        : $op eq '!~' ? Test::More::unlike($text, qr/$want/, $name)
        : Test::More::pass($name);
}

1;
