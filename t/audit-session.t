#!/usr/bin/perl

# What "dmpctl audit" tells of patients' accounts and sessions: entries of kind
# "session" are proved and listed like any other, and told in words of their
# own.

use strict;
use warnings;
use utf8;

use lib 't/lib';

use Encode qw(decode_utf8);
use JSON::PP;
use Test::More;

use DMP ();
use DMP::Index qw($dmpctl $martin $keys $rc $out $err run);
use DMP::Tamper;
use DMP::Writer;

plan skip_all => "no $dmpctl: build it first" unless -x $dmpctl;
binmode Test::More->builder->$_, ':utf8' for qw(output failure_output todo_output);

my @where = ('--redis', DMP::redis_address());
my @key = ('--audit-public-key', "$keys/audit.pub");
my @import = ('--record-key', "$keys/record.key", '--pseudonym-key', "$keys/pseudonym.key",
    '--audit-key', "$keys/audit.key");
my @case = ('audit', 'case', $martin, @where, @key, '--pseudonym-key',
    "$keys/pseudonym.key", '--record-key', "$keys/record.key");
my $hour = 3_600_000;


# ---------------------------------------------------------------- the store

DMP::redis('CONFIG', 'SET', 'appendonly', 'no');
is run('init', @where, '--buckets', $BUCKETS), 0, 'a store' or diag $err;
DMP::redis('HSET', 'dmp:meta', 'deadline_ms', 10);

my $records = write_file('people.jsonl', encode_json({ ins => $martin, status => 'open' }) . "\n");

is run('record', 'import', $records, @where, @import), 0, 'a record' or diag $err;

# a gateway where somebody tried to sign in, did, read, and was told too late
# that the session had ended
my $p = P($martin);
my $bucket = bucket_of($p);
my $gate;

# its own bucket is the patient's, so that all have one order
do { $gate = DMP::Writer->new(key => "$keys/audit.key", buckets => $BUCKETS) }
    until $gate->{home} == $bucket;

$gate->open;
$gate->session(undef, 'sign-in', undef, reason => 'credentials-rejected');
$gate->session($p, 'sign-in', ['none', ''], reason => 'too-many-attempts');
$gate->session($p, 'sign-in', ['none', '', '', '', 'code', 'sealed']);
$gate->session($p, 'code', ['open', 'token', $hour, $hour]);
$gate->session($p, 'session', ['check', 'token', $hour]);
$gate->access($p, version($p));
$gate->session($p, 'password', ['only', 'other', $hour, $hour]);
my $dead = $gate->session($p, 'session', ['check', 'token', $hour]);
$gate->session($p, 'sign-out', ['end', 'other']);
$gate->checkpoint;
$gate->close;

my $whole = saved();

is run('audit', 'verify', @where, @key), 0, 'the trace is whole' or diag $err;
is $dead->{outcome}, 0, 'with one that was void';


# ------------------------------------------------------------- those who read

sub tail { run('audit', 'tail', '--last', 100, @_, @where); return split /\n/, decode_utf8($out) }

is scalar(tail()), 10, 'listed with the import and the access';
is scalar(my @sessions = tail('--kind', 'session')), 8, 'or alone';
is scalar(tail('--operation', 'sign-in')), 3, 'by operation';
is scalar(tail('--reason', 'too-many-attempts')), 1, 'by reason';
is scalar(tail('--pseudonym', $p, '--kind', 'session')), 7, 'by patient';
like $sessions[3], qr/^\S+  session  allow  patient \S+  code  patient \S+  mode normal  rule none none  from 192\.0\.2\.17  by POST \/api\/session$/,
    'a line';
like $sessions[6], qr/  session  allow \(void: the session had ended\)  patient /,
    'one that was void';
like $sessions[0], qr/  session  deny  none  sign-in  mode normal  rule none credentials-rejected  /,
    'one of nobody';

is run('audit', 'stats', @where, '--json'), 0, 'counted' or diag $err;
my $stats = decode_json($out);
is_deeply [$stats->{kinds}{session}, $stats->{void},
        @{ $stats->{operations} }{qw(sign-in code session password sign-out)},
        @{ $stats->{reasons} }{qw(credentials-rejected too-many-attempts)},
        $stats->{actors}{patient}],
    [8, 1, 3, 1, 2, 1, 1, 1, 1, 7], 'by what they are';

is run('audit', 'export', '--format', 'csv', '--kind', 'session', @where), 0, 'as a table'
    or diag $err;
my ($names, @rows) = map { [split /,/] } split /\r\n/, decode_utf8($out);
my %row;
@row{@$names} = @{ $rows[1] };
is_deeply [@row{qw(kind outcome actor_kind auth operation decision reason version new_version
        emergency)}],
    ['session', 1, 'patient', 'session', 'sign-in', 'deny', 'too-many-attempts', 0, '', 'false'],
    'with their members';

for my $profile (qw(balp tde)) {
    is run('audit', 'export', '--format', 'fhir', '--profile', $profile, '--kind', 'session',
        @where, $profile eq 'balp' ? '--decisions' : ()), 0, "$profile: as events" or diag $err;

    my @events = map { decode_json($_) } split /\n/, $out;

    is scalar(@events), 8, "$profile: one each";
    is_deeply [map { $_->{type}{code} } @events], [('110114') x 8], "$profile: authentications";
    is_deeply [map { $_->{subtype} ? $_->{subtype}[0]{code} : '' } @events],
        ['110122', '110122', '110122', '110122', '', '110137', '', '110123'], "$profile: which";
    is_deeply [map { $_->{outcome} } @events], [8, 8, 0, 0, 0, 0, 4, 0], "$profile: outcomes";
    is $events[6]{outcomeDesc}, 'void: the session had ended', "$profile: why";
    is scalar(grep { $_->{meta} && $_->{meta}{profile} } @events), 0, "$profile: none is claimed";
    is scalar(grep { ref $_->{agent} eq 'ARRAY' && @{ $_->{agent} } } @events), 8,
        "$profile: by whom";
    my $text = JSON::PP->new->canonical->encode($events[3]);
    like $text, qr/"urn:dmp:pseudonym".*\Q$p\E/, "$profile: of whom";
}


# ------------------------------------------------------------------ the patient

is run(@case), 0, 'a patient asks' or diag $err;
$out = decode_utf8($out);
my @lines = $out =~ /^\d+\. (.*)$/mg;

is scalar(@lines), 8, 'each but the void one is listed';
like $lines[1], qr/, le patient lui-même, par mot de passe et code à usage unique, depuis l'adresse 192\.0\.2\.17, a essayé de se connecter avec un identifiant et un mot de passe : refusé, car il y avait eu trop d'essais \(too-many-attempts\)\.$/,
    'a refusal';
like $lines[2], qr/ a donné l'identifiant et le mot de passe : fait\.$/, 'the password';
like $lines[3], qr/ a donné le code à usage unique : fait\.$/, 'the code';
like $lines[4], qr/ s'est servi de sa session pour un autre dossier : fait\.$/, 'a session';
like $lines[6], qr/ a changé le mot de passe : fait\.$/, 'a new password';
like $lines[7], qr/ s'est déconnecté : fait\.$/, 'and the end';
like $out, qr/^1 accès autorisé, 0 refus, 1 changement de droits/m, 'they are no accesses';
like $out, qr/^6 lignes concernent le compte : connexions, codes, mots de passe\.$/m, 'and counted';
like $out, qr/^1 tentative sans effet n'est pas un accès : .*la session avait pris fin, ou le compte avait changé\.$/m,
    'as is what was void';
is run(@case, '--json'), 0, 'for machines' or diag $err;
is_deeply [@{ decode_json($out) }{qw(sessions allowed refused changes void)}], [6, 1, 0, 1, 1],
    'the same';


# ------------------------------------------------------------------- tampering

for my $case (['a void one let stand', sub { $_->[2] = 1 if $_->[0] eq $dead->{id} }, qr/outcome/],
    ['one without its reason', sub { $_->[1] =~ s/too-many-attempts/blocked/ }, qr/./],
    ['another version', sub { $_->[1] =~ s/("kind":"session".*"version":)0/${1}7/ }, qr/./])
{
    my ($what, $change, $why) = @$case;

    rewrite($bucket, sub { $change->() for @{ $_[0] } });
    is run('audit', 'verify', @where, @key), 1, "$what: the trace is broken";
    like $out . $err, $why, "$what: it says so";
    put_back($whole);
}

DMP::redis('RPOP', key($bucket, "idx:$p"));
is run('audit', 'verify', @where, @key), 1, 'missed in the history, too';
like $out . $err, qr/history/, 'which is what it says';
put_back($whole);
is run('audit', 'verify', @where, @key), 0, 'put back, it is whole';

done_testing;
