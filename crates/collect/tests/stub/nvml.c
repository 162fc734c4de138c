/* A driver's library for tests: answers as the file STATE says, read anew at each count of the GPUs. Each line is a
 * word and a number; a word with @ and an index speaks of that GPU only.
 *
 * It follows NVIDIA's public interface: names, numbers and the layout of structures. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { OK = 0, NOT_SUPPORTED = 3, NO_PERMISSION = 4, NOT_FOUND = 6, SMALL = 7, NOT_LOADED = 9, TIMEOUT = 10, LOST = 15 };

static struct { char word[48]; long long value; } facts[512];
static int known;
static int handles[64];
static long long events_taken[64];

static void load(void) {
    FILE *file = fopen(STATE, "r");
    known = 0;
    while (file && known < 512 && fscanf(file, "%47s %lld", facts[known].word, &facts[known].value) == 2) known++;
    if (file) fclose(file);
}
static long long fact(const char *word, long long otherwise) {
    for (int i = 0; i < known; i++) if (!strcmp(facts[i].word, word)) return facts[i].value;
    return otherwise;
}
static int number(void *device) { return (int)((int *)device - handles); }
static long long of(void *device, const char *word, long long otherwise) {
    char own[64];
    snprintf(own, sizeof own, "%s@%d", word, number(device));
    return fact(own, fact(word, otherwise));
}
#define GIVE(name, type, word) int name(void *d, type *out) { \
    long long v = of(d, word, -1); if (v < 0) return NOT_SUPPORTED; *out = (type)v; return OK; }

int nvmlInit_v2(void) {
    load();
    if (fact("hang_at_init", 0)) sleep(3600);
    return (int)fact("init", OK);
}
int nvmlShutdown(void) { return OK; }
int nvmlSystemGetDriverVersion(char *out, unsigned size) { snprintf(out, size, "590.48.01"); return OK; }
int nvmlDeviceGetCount_v2(unsigned *out) {
    load();
    while (fact("hang", 0)) { usleep(10000); load(); }
    *out = (unsigned)fact("gpus", 1);
    return (int)fact("count", OK);
}
int nvmlDeviceGetHandleByIndex_v2(unsigned index, void **out) {
    *out = &handles[index];
    return (int)of(*out, "handle", OK);
}
int nvmlDeviceGetUUID(void *d, char *out, unsigned size) { snprintf(out, size, "GPU-%08d-0000", number(d)); return OK; }
int nvmlDeviceGetName(void *d, char *out, unsigned size) { (void)d; snprintf(out, size, "NVIDIA H200"); return OK; }
int nvmlDeviceGetSerial(void *d, char *out, unsigned size) { snprintf(out, size, "16500%d", number(d)); return OK; }
GIVE(nvmlDeviceGetMinorNumber, unsigned, "minor")
struct pci { char legacy[16]; unsigned domain, bus, device, id, sub; char address[32]; };
int nvmlDeviceGetPciInfo_v3(void *d, struct pci *out) {
    memset(out, 0, sizeof *out);
    snprintf(out->address, 32, "00000000:%02X:00.0", 0x83 + number(d));
    snprintf(out->legacy, 16, "0000:%02X:00.0", 0x83 + number(d));
    return OK;
}
int nvmlDeviceGetTemperature(void *d, unsigned sensor, unsigned *out) {
    (void)sensor;
    *out = (unsigned)of(d, "temperature", 45);
    return (int)of(d, "temperature_answer", OK);
}
int nvmlDeviceGetTemperatureThreshold(void *d, unsigned which, unsigned *out) {
    (void)d; *out = 95 - which; return which < 4 ? OK : NOT_SUPPORTED;
}
struct memory { unsigned version; uint64_t total, reserved, free, used; };
int nvmlDeviceGetMemoryInfo_v2(void *d, struct memory *out) {
    out->total = 143771ull << 20; out->reserved = 614ull << 20;
    out->used = (uint64_t)of(d, "used_mib", 55) << 20; out->free = out->total - out->reserved - out->used;
    return OK;
}
struct rates { unsigned gpu, memory; };
int nvmlDeviceGetUtilizationRates(void *d, struct rates *out) {
    out->gpu = (unsigned)of(d, "utilization", 87); out->memory = 12; return OK;
}
int nvmlDeviceGetEncoderUtilization(void *d, unsigned *out, unsigned *period) { (void)d; *out = 3; *period = 1; return OK; }
GIVE(nvmlDeviceGetPowerUsage, unsigned, "milliwatts")
GIVE(nvmlDeviceGetEnforcedPowerLimit, unsigned, "limit_milliwatts")
GIVE(nvmlDeviceGetTotalEnergyConsumption, unsigned long long, "millijoules")
GIVE(nvmlDeviceGetCurrentClocksThrottleReasons, unsigned long long, "throttle")
GIVE(nvmlDeviceGetPcieReplayCounter, unsigned, "replays")
GIVE(nvmlDeviceGetCurrPcieLinkGeneration, unsigned, "pcie_generation")
GIVE(nvmlDeviceGetCurrPcieLinkWidth, unsigned, "pcie_width")
int nvmlDeviceGetClockInfo(void *d, unsigned clock, unsigned *out) { (void)d; *out = clock == 2 ? 3201 : 1980; return OK; }
int nvmlDeviceGetMaxClockInfo(void *d, unsigned clock, unsigned *out) { return nvmlDeviceGetClockInfo(d, clock, out); }
int nvmlDeviceGetPerformanceState(void *d, unsigned *out) { (void)d; *out = 0; return OK; }
int nvmlDeviceGetEccMode(void *d, unsigned *current, unsigned *pending) { (void)d; *current = *pending = 1; return OK; }
int nvmlDeviceGetTotalEccErrors(void *d, unsigned kind, unsigned counter, unsigned long long *out) {
    *out = (unsigned long long)of(d, kind ? "ecc_uncorrected" : "ecc_corrected", 0) + counter; return OK;
}
int nvmlDeviceGetMigMode(void *d, unsigned *current, unsigned *pending) {
    long long mode = of(d, "mig", -1);
    if (mode < 0) return NOT_SUPPORTED;
    *current = *pending = (unsigned)mode; return OK;
}
int nvmlDeviceGetNvLinkState(void *d, unsigned link, unsigned *out) {
    if (link >= of(d, "links", 0)) return NOT_SUPPORTED;
    *out = link != of(d, "link_down", -1); return OK;
}
struct field { unsigned id, scope; long long time, latency; unsigned type; int answer; union { double d; unsigned u; unsigned long long l; } value; };
int nvmlDeviceGetFieldValues(void *d, int count, struct field *fields) {
    for (int i = 0; i < count; i++) {
        char word[32];
        snprintf(word, sizeof word, "field_%u", fields[i].id);
        long long value = of(d, word, -1);
        fields[i].answer = value < 0 ? NOT_SUPPORTED : OK;
        fields[i].type = 3; fields[i].value.l = (unsigned long long)value;
    }
    return OK;
}
struct process { unsigned pid; unsigned long long memory; unsigned gpu_instance, compute_instance; };
int nvmlDeviceGetComputeRunningProcesses_v3(void *d, unsigned *count, struct process *out) {
    unsigned all = (unsigned)of(d, "processes", 0);
    if (*count < all || (!out && all)) { *count = all; return SMALL; }
    for (unsigned i = 0; i < all; i++) {
        out[i].pid = (unsigned)of(d, "first_pid", 1) + i; out[i].memory = (unsigned long long)(i + 1) << 20;
        out[i].gpu_instance = out[i].compute_instance = 0xFFFFFFFFu;
    }
    *count = all;
    return OK;
}
struct sample { unsigned pid; unsigned long long time; unsigned sm, memory, encoder, decoder; };
int nvmlDeviceGetProcessUtilization(void *d, struct sample *out, unsigned *count, unsigned long long seen) {
    unsigned all = (unsigned)of(d, "processes", 0);
    (void)seen;
    if (!all) return NOT_FOUND;
    if (!out || *count < all) { *count = all; return SMALL; }
    for (unsigned i = 0; i < all; i++) {
        memset(&out[i], 0, sizeof out[i]);
        out[i].pid = (unsigned)of(d, "first_pid", 1) + i; out[i].time = 7; out[i].sm = 50; out[i].memory = 200;
    }
    return OK;
}
/* Each GPU gets a set of its own; `xid@0 79` with `xid_times@0 2` tells XID 79 twice in all. */
int nvmlEventSetCreate(void **out) { *out = calloc(1, sizeof(void *)); return OK; }
int nvmlEventSetFree(void *set) { free(set); return OK; }
int nvmlDeviceRegisterEvents(void *d, unsigned long long kinds, void *set) { (void)kinds; *(void **)set = d; return OK; }
struct event { void *device; unsigned long long kind, data; unsigned gpu_instance, compute_instance; };
int nvmlEventSetWait_v2(void *set, struct event *out, unsigned timeout) {
    void *d = *(void **)set;
    (void)timeout;
    if (events_taken[number(d)] >= of(d, "xid_times", 0)) return TIMEOUT;
    events_taken[number(d)]++;
    memset(out, 0, sizeof *out);
    out->device = d; out->kind = 8; out->data = (unsigned long long)of(d, "xid", 0);
    return OK;
}
