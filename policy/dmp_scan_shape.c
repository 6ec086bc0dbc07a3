/*
 * dmp_scan_shape.c: what the scanner remembers of the objects that it passed:
 * a tree of their names, in the order in which they came.  No name comes twice
 * on the way to one, since each was new in its object: who finds the same way
 * again need not look for names given twice.  What it cannot keep it forgets.
 */

#include "dmp_scan_step.h"


#define DMP_SHAPE_WAYS  8                /* that go on from one member */


/* Without any name yet; the text and its masks are written with one. */
static void
dmp_shape_init(dmp_shape_t *shape)
{
    shape->len = 0;
    shape->fields = NULL;
    shape->before = NULL;
    shape->next = NULL;
    shape->sibling = NULL;
    shape->inside = NULL;
}


static dmp_shape_t *
dmp_shape_new(dmp_shapes_t *shapes)
{
    dmp_shape_t  *shape;

    if (shapes->n == DMP_SHAPES) {
        return NULL;
    }

    shape = &shapes->shape[shapes->n++];
    dmp_shape_init(shape);

    return shape;
}


void
dmp_scan_remember(dmp_scan_t *s, dmp_shapes_t *shapes)
{
    if (shapes->n == DMP_SHAPES) {
        shapes->n = 0;                   /* of no use to what comes now */
    }

    s->shapes = shapes;
    s->at[0] = shapes->n != 0 ? &shapes->shape[0] : dmp_shape_new(shapes);
}


void
dmp_scan_follow(dmp_scan_t *s, const dmp_scan_t *other)
{
    dmp_shapes_t  *shapes;

    shapes = other->shapes;

    /* what the other one is in the middle of must not be forgotten */

    if (shapes != NULL && shapes->n < DMP_SHAPES) {
        dmp_scan_remember(s, shapes);
    }
}


dmp_shape_t *
dmp_shape_root(dmp_scan_t *s)
{
    dmp_shape_t  *member;

    member = s->at[s->depth - 1];

    if (member == NULL) {
        member = s->learn[s->depth - 1];
    }

    if (member == NULL) {
        return NULL;
    }

    if (member->inside == NULL) {
        member->inside = dmp_shape_new(s->shapes);
    }

    return member->inside;
}


static bool
dmp_shape_is(const dmp_shape_t *shape, dmp_str_t name)
{
    return shape->len == name.len + 3
           && memcmp(shape->text + 1, name.data, name.len) == 0;
}


static void
dmp_shape_write(dmp_shape_t *shape, dmp_str_t name)
{
    size_t  len;

    len = name.len + 3;

#ifdef DMP_SCAN_BLOCK

    shape->care[0] = dmp_scan_first_of(len < 16 ? len : 16);
    shape->care[1] = dmp_scan_first_of(len < 16 ? 0 : len - 16);

#endif

    shape->len = len;
    shape->text[0] = '"';
    memcpy(shape->text + 1, name.data, name.len);
    memcpy(shape->text + 1 + name.len, "\":", 2);
}


dmp_shape_t *
dmp_shape_after(dmp_shapes_t *shapes, dmp_shape_t *before, dmp_str_t name,
    uint32_t hash)
{
    unsigned      n;
    dmp_shape_t  *shape, *last;

    if (name.len == 0 || name.len + 3 > DMP_SHAPE_TEXT) {
        return NULL;
    }

    last = NULL;
    n = 0;

    for (shape = before->next; shape != NULL; shape = shape->sibling) {

        if (dmp_shape_is(shape, name)) {
            return shape;
        }

        if (++n == DMP_SHAPE_WAYS - 1) {
            last = shape;
        }
    }

    shape = dmp_shape_new(shapes);

    if (shape == NULL) {
        return NULL;
    }

    dmp_shape_write(shape, name);
    shape->hash = hash;
    shape->before = before;

    /* the newest first; the oldest of too many is not found any more */

    if (last != NULL) {
        last->sibling = NULL;
    }

    shape->sibling = before->next;
    before->next = shape;

    return shape;
}
