/* Two workers with one server and one client, while the main thread rotates keys and reloads. For
 * the thread sanitizer. */
#include <pthread.h>
#include <stdlib.h>

#include "../unit.h"
#include "certs.h"
#include "peers.h"

enum { WORKERS = 2, ROUNDS = 40, RELOADS = 10 };

static struct tls_tickets *tickets;

struct crew {
	pthread_t thread;
	unsigned id;
	struct tls_server *srv;
	struct tls_client *c;
	unsigned good, resumed;
};

static struct tls_server *make_server(void)
{
	struct tls_certificate_conf certs[] = { { STR("a.crt"), STR("a.key") },
		{ STR("b.crt"), STR("b.key") } };
	struct tls_server_conf conf = { .certificates = { certs, 2 },
		.max_version = TLS_1_3,
		.session_tickets = true,
		.session_timeout = 3600000 };
	struct tls_server *srv = server_with(&conf, tickets, WORKERS, NULL, NULL);
	check(srv, "no server: %s", "see above");
	return srv;
}

static struct tls_client *make_client(void)
{
	struct tls_client_conf conf = { .verify = true, .ca = STR("ca.crt") };
	struct tls_client_args a = { .conf = &conf,
		.dir = certs_dir(),
		.workers = WORKERS,
		.report = hear };
	struct tls_client *c = tls_client_new(&a);
	check(c, "no client: %s", "see above");
	return c;
}

static void *crew_run(void *arg)
{
	struct crew *k = arg;
	struct tls_session_slot slots[2] = { 0 };
	struct worker w;
	struct pair p;
	check(worker_init(&w, k->id) == 0, "no worker: %u", k->id);
	for (int i = 0; i < ROUNDS; i++) {
		if (!pair_greet(&p, &w, k->srv, k->c, i & 1 ? "b.test" : "a.test", &slots[i & 1]))
			continue;
		k->good++;
		k->resumed += tls_was_resumed(&p.server.s);
		pair_end(&p);
	}
	tls_session_slot_fini(&slots[0]);
	tls_session_slot_fini(&slots[1]);
	worker_fini(&w);
	tls_thread_fini();
	buf_thread_fini();
	return NULL;
}

TEST(two_workers)
{
	cert_make(&(struct cert_wish){ .file = "ca", .name = "Test CA", .is_ca = true });
	cert_make(&(struct cert_wish){ .file = "a", .alt = "DNS:a.test", .issuer = "ca" });
	cert_make(&(struct cert_wish){ .file = "b", .alt = "DNS:b.test", .issuer = "ca" });
	tickets = tls_tickets_new();
	struct tls_client *c = make_client();
	for (int round = 0; round < 2; round++) {
		struct crew crew[WORKERS];
		struct tls_server *srv = make_server();
		for (unsigned i = 0; i < WORKERS; i++) {
			crew[i] = (struct crew){ .id = i, .srv = srv, .c = c };
			assert_int_equal(pthread_create(&crew[i].thread, NULL, crew_run, &crew[i]),
				0);
		}
		for (int i = 0; i < RELOADS; i++) {
			struct tls_server *next = make_server();
			tls_tickets_rotate(tickets);
			tls_server_free(&next);
		}
		for (unsigned i = 0; i < WORKERS; i++) {
			pthread_join(crew[i].thread, NULL);
			assert_int_equal(crew[i].good, ROUNDS);
			assert_true(crew[i].resumed > 0);
		}
		tls_server_free(&srv);
	}
	tls_client_free(&c);
	tls_tickets_unref(&tickets);
	tls_thread_fini();
	certs_fini();
}
