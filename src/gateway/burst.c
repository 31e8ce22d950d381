#include "gateway/burst.h"

bool burst_is_over(struct burst *burst, size_t connections)
{
    bool gone =
        burst->highest >= connections + BURST_CONNECTIONS && connections < burst->highest / 2;

    burst->highest = MAX(burst->highest, connections);
    burst->calm = gone ? burst->calm + 1 : 0;
    if (burst->calm < BURST_CALM_LOOKS)
        return false;
    *burst = (struct burst){connections, 0};
    return true;
}
