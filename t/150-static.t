# The same module inside a statically built nginx: make build-static.

use strict;
use warnings;

our $static;

BEGIN {
    use Cwd ();

    $static = Cwd::abs_path('build/nginx-static');

    if (!$static || !-x $static) {
        require Test::More;
        Test::More::plan(skip_all => 'no build/nginx-static');
    }

    $ENV{DMP_NGINX} = $ENV{TEST_NGINX_BINARY} = $static;
}

use lib 't/lib';
use DMP;
use Test::More;

our $Ins = '285037512000151';
our $Search = '/fhir/DocumentReference?patient.identifier='
    . "urn:oid:1.2.250.1.213.1.4.8|$Ins";

import_records({ ins => $Ins, status => 'open', opened_at => '2026-01-05T09:00:00Z',
    masked => ['urn:oid:1.2.250.1.213.1.4.8.99999.1.1'],
    authorisations => { 899700218896 =>
        { since => '2020-01-01', until => '2096-01-01' } } });

DMP::run();

__DATA__

=== TEST 1: it is that nginx, and no module is loaded
--- code
my ($master) = nginx_pid();
is(readlink "/proc/$master/exe", $main::static, 'the binary');
unlike(slurp("/proc/$master/maps"), qr/ngx_http_dmp_module\.so/, 'nothing is loaded');



=== TEST 2: served, without what is masked
--- as: morel
--- get eval: $main::Search
--- status: 200
--- json
resourceType = Bundle
entry.0.resource.resourceType = DocumentReference
--- unlike
"urn:oid:1\.2\.250\.1\.213\.1\.4\.8\.99999\.1\.1"
--- trace
body.decision = allow
outcome = 1



=== TEST 3: refused without an authorisation
--- as: petit
--- get eval: $main::Search
--- status: 403
--- json
resourceType = OperationOutcome
--- backend: none
--- trace
body.decision = deny
outcome = 1



=== TEST 4: a document
--- as: morel
--- get: /fhir/DocumentReference/martin-consultation-2
--- status: 200
--- json
id = martin-consultation-2



=== TEST 5: a document that is masked
--- as: morel
--- get: /fhir/DocumentReference/martin-consultation-1
--- status: 404
--- json
resourceType = OperationOutcome



=== TEST 6: reload and store away
--- code
reload();
is(request(get => $Search, as => 'morel')->{status}, 200, 'served by the new worker');
DMP::stop_redis('KILL');
is(request(get => $Search, as => 'morel')->{status}, 503, 'not without the store');
DMP::start_redis();
wait_for { request(get => $Search, as => 'morel')->{status} == 200 } 'it to be served';
verify_trace();
pass('the trace is whole');
--- error_log
dmp store is unavailable
