#include "cli/settings_form.h"

#include "cli/house_command.h"
#include "clients/clients.h"
#include "tls/cms.h"

#include <stdio.h>
#include <unistd.h>

static const char words[] = "settings";

/* The pair the server signs with: that of all doors, or else the first that a door has. */
static const struct config_certificate *pair_of(const struct config *c)
{
    if (*c->tls.cert.certificate)
        return &c->tls.cert;
    for (size_t i = 0; i < c->door_count; i++)
        if (*c->doors[i].cert.certificate)
            return &c->doors[i].cert;
    return NULL;
}

/* Whether `form` is signed at all, when its reader is no person at a terminal. */
static bool to_sign(const struct settings_form *f, const struct config *c)
{
    const struct clients_form *form = clients_form(span_of(f->form));

    return form && form->sign && !f->json && c->clients.sign_profile && !isatty(STDOUT_FILENO);
}

static void print_signed(struct tls_context *signer, struct span text)
{
    struct text der = TEXT_INIT(CLIENTS_TEXT_MAX + CMS_ROOM);
    struct error e = {0};

    if (cms_sign(signer, text, &der, &e) == 0)
        text = text_span(&der);
    else
        command_error(words, 0, "not signed: %s", e.words);
    fwrite(text.at, 1, text.len, stdout);
    text_free(&der);
}

static int print(const struct settings_form *f, struct tls_context *signer, json_t *answer)
{
    if (f->json)
        house_command_print(answer);
    else if (signer)
        print_signed(signer, span_of(house_command_text(answer, "text")));
    else
        fputs(house_command_text(answer, "text"), stdout);
    return fflush(stdout) ? EX_IOERR : EX_OK;
}

/* Read before the house is asked, which may make us another user. */
static struct tls_context *signer_of(const struct settings_form *f, const struct config *c)
{
    const struct config_certificate *pair = to_sign(f, c) ? pair_of(c) : NULL;
    struct tls_context *signer;
    struct error e = {0};

    if (!pair)
        return NULL;
    signer = tls_server_new(pair->certificate, pair->key, &e);
    if (!signer)
        command_error(words, 0, "not signed, so devices will warn of it: %s", e.words);
    return signer;
}

int settings_form_run(const struct settings_form *f)
{
    json_t *o = house_command_new(words), *answer = NULL;
    struct config *config = NULL;
    struct tls_context *signer = NULL;
    int status = command_config(words, f->config, &config);

    json_object_set_new(o, "address", json_string(f->address));
    json_object_set_new(o, "form", json_string(f->form));
    if (status == EX_OK) {
        signer = signer_of(f, config);
        status = house_command_fetch(words, config, o, &answer);
    }
    if (status == EX_OK)
        status = print(f, signer, answer);
    tls_context_free(&signer);
    json_decref(answer);
    json_decref(o);
    config_free(&config);
    return status;
}
